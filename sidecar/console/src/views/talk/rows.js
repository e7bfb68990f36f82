// A thread as it is drawn: a line for each day, one where the unread begins, and messages, of which those that one
// person wrote in one go stand together under one name.
const GO_MS = 5 * 60 * 1000;

export const timeOf = ({ created_at: at }) => (typeof at === 'number' ? at : Date.parse(at));

// From when to when a day is; asking for its name is dear, and a thread has few days.
function dayAround(at) {
  const begin = new Date(at);
  begin.setHours(0, 0, 0, 0);
  const end = new Date(begin);
  end.setDate(end.getDate() + 1);
  return { begin: begin.getTime(), end: end.getTime() };
}

/**
 * @param messages oldest first
 * @param unreadFrom id of the first unread one, or null
 * @returns {Array<{kind: 'day' | 'unread' | 'message', key: string}>}
 */
export function rowsOf(messages, unreadFrom = null) {
  const rows = [];
  let day = null;
  let before = null; // { message, at }
  for (const message of messages) {
    const at = timeOf(message);
    const isNewDay = !day || at < day.begin || at >= day.end;
    if (isNewDay) {
      day = dayAround(at);
      rows.push({ kind: 'day', key: `day ${day.begin}`, at });
    }
    const isFirstUnread = message.id === unreadFrom;
    if (isFirstUnread) rows.push({ kind: 'unread', key: 'unread' });
    const goesOn =
      !isNewDay &&
      !isFirstUnread &&
      before.message.author_id === message.author_id &&
      before.message.type === message.type &&
      at - before.at < GO_MS;
    rows.push({ kind: 'message', key: message.key ?? message.id, message, isFirst: !goesOn });
    before = { message, at };
  }
  return rows;
}

const CHUNK = 32; // rows, on average
const CHUNK_MAX = 128;

function isSeam(key) {
  let sum = 7;
  for (let i = Math.max(key.length - 12, 0); i < key.length; i++) sum = (sum * 31 + key.charCodeAt(i)) >>> 0;
  return sum % CHUNK === 0;
}

/**
 * Rows in pieces that are drawn, or left as they are, together. Where a piece begins is said by the key of its first row: so
 * what comes at either end changes no piece but the one there.
 */
export function chunksOf(rows) {
  const chunks = [];
  for (const row of rows) {
    const last = chunks.at(-1);
    if (!last || last.rows.length >= CHUNK_MAX || isSeam(row.key)) chunks.push({ key: row.key, rows: [row] });
    else last.rows.push(row);
  }
  return chunks;
}

/** Are two rows drawn alike? */
export const isSameRow = (a, b) => a.key === b.key && a.message === b.message && a.isFirst === b.isFirst && a.at === b.at;

/** The first of the last `count` messages of others: where the reader stopped. */
export function firstUnread(messages, me, count) {
  let left = count;
  let found = null;
  for (let i = messages.length - 1; i >= 0 && left > 0; i--) {
    if (messages[i].author_id === me || messages[i].deleted_at) continue;
    found = messages[i].id;
    left--;
  }
  return found;
}

/** How many messages of others came behind the one with this id. */
export function newSince(messages, lastId, me) {
  const last = messages.findLastIndex(({ id }) => id === lastId);
  return messages.slice(last + 1).filter(({ author_id: author }) => author !== me).length;
}
