// The page of the class board: draws the room whenever the board sends it, at most once for each frame of the screen.

import { offerLanguages, say, sayAll } from "./language.js";
import { drawDemos, drawStuck } from "./overview.js";
import { People } from "./people.js";
import { hide, isTeacher, showAll } from "./teacher.js";

const AGAIN = 2000; // milliseconds until the next try where the browser gives up by itself
const AGE = 15_000; // milliseconds between two looks at who was seen when

const at = (selector) => document.querySelector(selector);
const people = new People(at("#people"), async (attendee) => teacherDid(await hide(attendee)));
let room = null;
let ahead = 0; // seconds by which the board's clock is ahead of ours
let drawing = false;

function draw() {
  drawing = false;
  document.title = at("#class").textContent = room.class || say("title");
  at("#address").textContent = room.url.replace("http://", "");
  at("#large p").textContent = room.url;
  const count = room.attendees.length;
  at("#count").textContent = say(count === 1 ? "person" : "people", { count });
  at("#nobody").hidden = count > 0;
  at("#nobody pre").textContent = `BOARD_URL=${room.url} make grade-1 SOLUTION=exercise NAME="Ana"`;
  at("#nobody-stuck").hidden = room.stuck.length > 0;
  document.body.classList.toggle("teacher", isTeacher());
  at("#show-all").hidden = !isTeacher() || !room.hidden;
  at("#show-all").textContent = say("showAll", room);
  drawStuck(at("#stuck"), room);
  drawDemos(at("#demos"), room);
  people.draw(room);
  people.age(Date.now() / 1000 + ahead);
}

// Any number of events before the next frame is one drawing.
function later() {
  if (drawing || !room) return;
  drawing = true;
  requestAnimationFrame(draw);
}

function listen() {
  const events = new EventSource("api/events");
  events.addEventListener("message", (event) => {
    room = JSON.parse(event.data);
    ahead = room.now - Date.now() / 1000;
    tell("live");
    later();
  });
  events.addEventListener("error", () => {
    tell("lost");
    // A browser tries again after a lost connection, and gives up after an error status.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN);
  });
}

function tell(state) {
  at("#state").textContent = say(state);
  at("#state").classList.toggle("lost", state === "lost");
  at("#state").dataset.state = state;
}

function teacherDid(good) {
  if (!good && !isTeacher()) at("#state").textContent = say("refused");
  later();
}

at("#show-all").addEventListener("click", async () => teacherDid(await showAll()));
at("#code").addEventListener("click", () => at("#large").showModal());
at("#large").addEventListener("click", () => at("#large").close());
offerLanguages(at("#language"), () => {
  sayAll();
  if (at("#state").dataset.state) tell(at("#state").dataset.state);
  later();
});
sayAll();
listen();
setInterval(() => room && people.age(Date.now() / 1000 + ahead), AGE);
