// A button that copies, and says so.

const SAID_FOR = 1500; // milliseconds

export function offerCopy(button, text) {
  button.addEventListener("click", async () => {
    const label = button.textContent;
    if (button.dataset.copied) return;
    button.dataset.copied = "yes";
    button.textContent = (await copy(text())) ? "Copied" : "Not allowed";
    setTimeout(() => {
      button.textContent = label;
      delete button.dataset.copied;
    }, SAID_FOR);
  });
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  // Over plain HTTP from another machine there is no clipboard object: the old way still works there.
  const before = document.activeElement;
  const field = Object.assign(document.createElement("textarea"), { value: text, className: "unseen" });
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  before?.focus();
  return copied;
}
