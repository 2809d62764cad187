// Everybody in the room, in the order of their names. A row is changed and not made again, so that nothing flickers.
// Names come from anybody on the network: they are text everywhere, and never HTML.

import { element } from "./element.js";
import { say, spoken } from "./language.js";

const AWAY = 3600; // seconds since somebody was seen; then the row is pale
const COLUMNS = [[18, 1], [44, 2], [69, 3], [Infinity, 4]]; // up to so many people
const CROWD = 44; // more people get narrower rows

class Row {
  constructor(demos, hide) {
    this.element = element("li", "");
    this.who = element("bdi", "", "who");
    this.cells = demos.map(() => element("span", "", "cell"));
    for (const cell of this.cells) cell.append(element("i", ""), element("span", ""));
    this.now = element("span", "", "now");
    this.ago = element("span", "", "ago");
    this.button = element("button", "×");
    this.button.addEventListener("click", () => hide(this.attendee));
    const cells = element("span", "", "cells");
    cells.append(...this.cells);
    this.element.append(this.who, cells, this.now, this.ago, this.button);
  }

  draw(attendee, demos) {
    this.attendee = attendee;
    this.who.textContent = attendee.name;
    this.who.title = attendee.name;
    this.button.ariaLabel = say("hide", attendee);
    demos.forEach((demo, place) => this.#cell(this.cells[place], demo, attendee));
    const here = attendee.demos[attendee.demo];
    this.now.textContent = here ? `${attendee.demo} · ${here.earned}` : "";
  }

  #cell(cell, demo, attendee) {
    const result = attendee.demos[demo.number];
    cell.style.setProperty("--part", result ? `${(100 * result.earned) / demo.total}%` : "0%");
    cell.lastChild.textContent = result ? result.earned : "";
    cell.classList.toggle("done", result?.earned === demo.total);
    cell.classList.toggle("here", attendee.demo === demo.number);
    cell.classList.toggle("verified", result?.verifiable > 0 && result.verified === result.verifiable);
    const said = result ? [say("points", { demo: demo.number, earned: result.earned, total: demo.total })] : [];
    if (result?.verifiable) said.push(say("verified", result));
    cell.title = said.join(", ");
  }

  age(now) {
    const seconds = Math.max(0, now - this.attendee.seen);
    this.ago.textContent = this.attendee.seen ? short(seconds) : "";
    this.element.classList.toggle("away", seconds > AWAY);
  }
}

export class People {
  #rows = new Map(); // by seat
  #order = "";

  // `hide` is called with the attendee whose name the teacher hides.
  constructor(list, hide) {
    Object.assign(this, { list, hide });
  }

  draw(room) {
    const collator = new Intl.Collator(spoken());
    const sorted = room.attendees.toSorted((a, b) => collator.compare(a.name, b.name) || a.seat - b.seat);
    for (const attendee of sorted) {
      if (!this.#rows.has(attendee.seat)) this.#rows.set(attendee.seat, new Row(room.demos, this.hide));
      this.#rows.get(attendee.seat).draw(attendee, room.demos);
    }
    const order = sorted.map((attendee) => attendee.seat).join();
    if (order !== this.#order) this.#arrange(sorted);
    this.#order = order;
  }

  // `now` by the board's clock, in seconds: those of the browser and of the attendees may be wrong.
  age(now) {
    for (const row of this.#rows.values()) row.age(now);
  }

  #arrange(sorted) {
    const there = new Set(sorted.map((attendee) => attendee.seat));
    for (const seat of this.#rows.keys()) if (!there.has(seat)) this.#rows.delete(seat);
    this.list.replaceChildren(...sorted.map((attendee) => this.#rows.get(attendee.seat).element));
    const [, columns] = COLUMNS.find(([most]) => sorted.length <= most);
    this.list.style.setProperty("--rows", Math.ceil(sorted.length / columns) || 1);
    this.list.classList.toggle("crowd", sorted.length > CROWD);
  }
}

function short(seconds) {
  if (seconds < 60) return say("now");
  return seconds < 3600 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3600)}h`;
}
