// What the teacher looks at first: the checks that fail for most people, and how far the room is in each demo.

import { element } from "./element.js";
import { inLanguage, say } from "./language.js";

export function drawStuck(list, room) {
  list.replaceChildren(...room.stuck.map(stuck));
}

function stuck(check) {
  const item = element("li", "");
  const count = element("b", check.attendees);
  count.append(element("small", say("of", check)));
  const where = element("span", say("where", check), "where");
  // Some checks belong to no task: there are no hints for them.
  if (check.task) {
    const hint = element("code", `make hint-${check.demo} TASK=${check.task}`);
    where.append(" · ", hint, element("code", inLanguage(check.hints), "path"));
  }
  item.append(count, element("span", check.title, "title"), where);
  return item;
}

export function drawDemos(list, room) {
  list.replaceChildren(...room.demos.map((demo) => total(demo)));
}

function total(demo) {
  const item = element("li", "");
  item.title = say("average", demo);
  const bar = element("progress", "");
  Object.assign(bar, { max: Math.max(1, demo.begun), value: demo.done });
  bar.ariaLabel = inLanguage(demo.titles);
  item.append(
    element("b", demo.number),
    element("span", inLanguage(demo.titles), "title"),
    element("span", `${demo.done}/${demo.begun}`),
    bar,
  );
  return item;
}
