// Naming people in a text: what is being typed after an @, who fits it, and where in a text people are named.

/** What stands between an @ and the caret, or null when no name is being typed. */
export function nameBeingTyped(text, caret) {
  const found = /(?:^|[\s(])@([^\s@]{0,40})$/u.exec(text.slice(0, caret));
  return found ? { query: found[1], from: caret - found[1].length - 1 } : null;
}

/** People whose name, or a word of it, begins so; at most `most`. */
export function whoFits(people, query, most = 6) {
  const wanted = query.toLocaleLowerCase();
  const fits = ({ name }) => name?.toLocaleLowerCase().split(/[\s._-]+/).concat(name.toLocaleLowerCase()).some((word) => word.startsWith(wanted));
  return people.filter(fits).slice(0, most);
}

/** The text with the name put where it was being typed, and where the caret goes. */
export function withName(text, caret, name) {
  const { from } = nameBeingTyped(text, caret);
  const begun = `${text.slice(0, from)}@${name} `;
  return { text: begun + text.slice(caret).replace(/^ /, ''), caret: begun.length };
}

/** Ids of those whose @name is in the text. */
export function namedIn(text, people) {
  const found = new Set(splitAt(text, people.map(({ name }) => name)).map(({ name }) => name));
  return people.filter(({ name }) => name && found.has(name)).map(({ id }) => id);
}

/** The text in parts: [{ text }, { text: '@Ann', name: 'Ann' }, ...]; longer names before shorter ones. */
export function splitAt(text, names) {
  const known = [...names].filter(Boolean).sort((a, b) => b.length - a.length);
  const parts = [];
  let plain = 0;
  let at = text.indexOf('@');
  while (at >= 0) {
    const name = known.find((one) => text.startsWith(one, at + 1) && !/[\p{L}\p{N}]/u.test(text[at + 1 + one.length] ?? ''));
    const end = at + 1 + (name?.length ?? 0);
    if (name) {
      if (at > plain) parts.push({ text: text.slice(plain, at) });
      parts.push({ text: text.slice(at, end), name });
      plain = end;
    }
    at = text.indexOf('@', end);
  }
  if (plain < text.length) parts.push({ text: text.slice(plain) });
  return parts;
}
