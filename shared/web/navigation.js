// The links to the pages that this service has. With no page but the present one, there is nothing to choose.

import { call, SERVICE } from "./api.js";

// `routes`: the service's, as GET / lists them.
export function offerPages(routes) {
  const links = [...document.querySelectorAll("#pages a")];
  for (const link of links) link.hidden = !link.ariaCurrent && !routes.includes(`GET ${pathOf(link)}`);
  document.querySelector("#pages").hidden = links.every((link) => link.hidden || link.ariaCurrent);
}

export async function offerPagesOfService() {
  const response = await call("./", "").catch(() => null); // while the service is away, the links stay as they are
  if (response) offerPages((await response.json()).routes);
}

const pathOf = (link) => `/${link.pathname.slice(SERVICE.pathname.length)}`;
