// Reads server-sent events: bytes in, cut anywhere, even inside a character or a line end; whole events out.
// Comments come out too, as the service puts an answer's metadata into one. Knows nothing of models or of HTTP.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html

export class Events {
  #decoder = new TextDecoder();
  #line = []; // pieces of a line without its end: joined only once, however long the line is
  #data = [];
  #afterReturn = false;

  // All that ends in these bytes: `{ data }` for an event, `{ comment }` for a comment line.
  feed(bytes) {
    const found = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (!text) return found;
    if (this.#afterReturn) text = text.replace(/^\n/, ""); // the second half of a line end
    this.#afterReturn = text.endsWith("\r");
    const lines = text.split(/\r\n|\r|\n/);
    const rest = lines.pop();
    for (const end of lines) {
      this.#read(this.#line.join("") + end, found);
      this.#line = [];
    }
    this.#line.push(rest);
    return found;
  }

  #read(line, found) {
    if (line.startsWith(":")) found.push({ comment: line.slice(1).trimStart() });
    else if (line === "data" || line.startsWith("data:")) this.#data.push(line.slice(5).replace(/^ /, ""));
    else if (line === "" && this.#data.length) {
      found.push({ data: this.#data.join("\n") });
      this.#data = [];
    }
  }
}
