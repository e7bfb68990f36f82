// A moment: the time of day, or the day too when it is not today and `isOfDay` does not say that the day is told
// elsewhere; all of it on hover and for machines.
export function Time({ at, className, isOfDay = false }) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return null;
  return (
    <time className={className} dateTime={date.toISOString()} title={date.toLocaleString()}>
      {clock(date, isOfDay ? date : undefined)}
    </time>
  );
}

const isSameDay = (a, b) => a.toDateString() === b.toDateString();

/** "14:05", or "3 Mar, 14:05" of another day. */
export function clock(date, now = new Date()) {
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  if (isSameDay(date, now)) return time;
  return `${date.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${time}`;
}

/** "Today", "Yesterday", "Monday 3 March". */
export function dayName(date, now = new Date()) {
  if (isSameDay(date, now)) return 'Today';
  if (isSameDay(date, new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return 'Yesterday';
  return date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' });
}
