// Every text of the page, a column for each language. A further language is one more column, and a line in LANGUAGES.

export const LANGUAGES = { en: "English", es: "Español" };

export const STRINGS = {
  title: { en: "Class board", es: "Tablero de la clase" },
  stuck: { en: "Where the room is stuck", es: "Dónde se atasca la sala" },
  nobodyStuck: { en: "No check fails for anybody right now.", es: "Ahora mismo no le falla ninguna comprobación a nadie." },
  demos: { en: "Demos: done of begun", es: "Demos: terminadas de empezadas" },
  room: { en: "Who is where", es: "Quién está dónde" },
  nobody: { en: "Nobody is here yet. Put your name on the board:", es: "Todavía no hay nadie. Pon tu nombre en el tablero:" },
  people: { en: "{count} people", es: "{count} personas" },
  person: { en: "1 person", es: "1 persona" },
  of: { en: "of {of}", es: "de {of}" },
  where: { en: "demo {demo}, {check}", es: "demo {demo}, {check}" },
  points: { en: "demo {demo}: {earned}/{total} points", es: "demo {demo}: {earned}/{total} puntos" },
  verified: {
    en: "the board has verified {verified} of the {verifiable} that it can see",
    es: "el tablero ha verificado {verified} de los {verifiable} que puede ver",
  },
  average: { en: "{average} points on average", es: "{average} puntos de media" },
  live: { en: "live", es: "en vivo" },
  lost: { en: "reconnecting …", es: "reconectando …" },
  hide: { en: "Hide {name}", es: "Ocultar a {name}" },
  showAll: { en: "Show {hidden} hidden", es: "Mostrar ocultos ({hidden})" },
  refused: { en: "The key does not fit this board.", es: "La clave no es de este tablero." },
  larger: { en: "QR code of this page, larger", es: "Código QR de esta página, más grande" },
  language: { en: "Language", es: "Idioma" },
  now: { en: "now", es: "ya" }, // seen in the last minute
};
