// How the demo prints: headings, notes and tables, in colour where somebody looks.

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);

export const bold = paint('1');
export const dim = paint('2');
export const good = paint('32');
export const bad = paint('1;31');

export const heading = (text) => console.log(`\n${bold(text)}\n`);
export const note = (...words) => console.log(`  ${words.join(' ')}`.trimEnd());

// what a cell takes on the screen
// eslint-disable-next-line no-control-regex
const width = (text) => text.replace(/\x1b\[[0-9;]*m/g, '').length;

// Rows are printed as they come, so that a long step is seen to be under way.
export class Table {
  #widths;

  // titles and the width of each column; 0 = as wide as it comes
  constructor(titles, widths) {
    this.#widths = widths;
    if (titles.some((title) => title)) this.row(titles.map(dim));
  }

  row(cells) {
    const padded = cells.map((cell, i) => {
      const text = String(cell);
      return text + ' '.repeat(Math.max(this.#widths[i] - width(text), this.#widths[i] ? 1 : 0));
    });
    console.log(`  ${padded.join(' ').trimEnd()}`);
  }
}
