// A button that copies, and says so.

import { element } from "./element.js";
import { say } from "./language.js";

const SAID_FOR = 1500; // milliseconds

export function offerCopy(button, text) {
  button.addEventListener("click", async () => {
    const label = button.textContent;
    if (label === say("Copied")) return;
    button.textContent = say((await copy(text())) ? "Copied" : "Not allowed");
    setTimeout(() => (button.textContent = label), SAID_FOR);
  });
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  // Over plain HTTP from another machine there is no clipboard object, but the old way still works there.
  const field = element("textarea", text, "unseen");
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
