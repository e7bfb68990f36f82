// What may be written in one message. A longer text stays as it is: it is said how long it is, and it cannot be sent.
export const BODY_MAX = 20000; // characters, as the database counts them

const numbers = new Intl.NumberFormat('en');

/** How many characters a text has, where that is too many; else 0. */
export function excessOf(text) {
  const body = text.trim();
  if (body.length <= BODY_MAX) return 0;
  const length = [...body].length;
  return length > BODY_MAX ? length : 0;
}

export const excessSentence = (length) => `${numbers.format(BODY_MAX)} characters at most, this has ${numbers.format(length)}`;

export function TooLong({ id, length }) {
  return (
    <p className="talk-too-long" id={id} role="status">
      {length > 0 && excessSentence(length)}
    </p>
  );
}
