// An element with text in it. Text is never read as HTML anywhere on this page.

export const element = (tag, textContent, className = "") =>
  Object.assign(document.createElement(tag), { textContent, className });

export const fromTemplate = (selector) => document.querySelector(selector).content.firstElementChild.cloneNode(true);
