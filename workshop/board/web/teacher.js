// The teacher's buttons. The key is in the address after #, which browsers send to no server; it leaves the address bar
// at once, because that may be projected.

const KEPT = "board.key";
const given = new URLSearchParams(location.hash.slice(1)).get("key");
if (given) {
  sessionStorage.setItem(KEPT, given);
  history.replaceState(null, "", location.pathname);
}

export const isTeacher = () => sessionStorage.getItem(KEPT) !== null;

// True if the board did it. A key that does not fit is forgotten.
async function ask(method, path) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEPT)}` };
  const response = await fetch(path, { method, headers }).catch(() => null);
  if (response?.status === 403) sessionStorage.removeItem(KEPT);
  return response?.ok ?? false;
}

export const hide = (attendee) => ask("PUT", `api/seats/${attendee.seat}/hidden`);
export const showAll = () => ask("DELETE", "api/hidden");
