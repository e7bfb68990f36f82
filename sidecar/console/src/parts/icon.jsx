// Small drawings on a grid of 16, in the colour and about the size of the text beside them. They say nothing to a
// screen reader: what a button does is its name.
import './parts.css';

const drawings = {
  add: 'M8 3v10M3 8h10',
  alert: 'M8 2.2 14.3 13a.6.6 0 0 1-.5.9H2.2a.6.6 0 0 1-.5-.9zM8 6.3v3.4M8 11.8v.2',
  archive: 'M2.5 3h11v3h-11zM3.5 6v7h9V6M6.5 8.7h3',
  arrow_down: 'M8 3v10M4 9l4 4 4-4',
  arrow_in: 'M13 3 4 12M4 5.5V12h6.5',
  arrow_out: 'M3 13l9-9M5.5 4H12v6.5',
  bell: 'M4 11.3V7a4 4 0 0 1 8 0v4.3l1.2 1.2H2.8zM6.7 14.3h2.6',
  chat: 'M2.5 3.2h11v7.6H7.4L4.3 13.5v-2.7H2.5z',
  check: 'm3 8.6 3.3 3.2L13 4.6',
  check_twice: 'm1.2 8.7 3 3L10 5M7 10.6l1.2 1.1L14.8 5',
  chevron_down: 'm4 6 4 4 4-4',
  chevron_right: 'm6 4 4 4-4 4',
  clock: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 4.8V8l2.2 1.6',
  close: 'm4 4 8 8M12 4l-8 8',
  comment: 'M2.5 3.2h11v7.6H7.4L4.3 13.5v-2.7H2.5zM5.3 6h5.4M5.3 8.2h3.4',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  download: 'M8 2.5v8M4.5 7.3 8 10.8l3.5-3.5M3 13.5h10',
  edit: 'M3 13l.7-3 7-7L13 5.3l-7 7zM9.3 4.4l2.3 2.3',
  eye: 'M1.5 8C3.2 5 5.4 3.5 8 3.5S12.8 5 14.5 8C12.8 11 10.6 12.5 8 12.5S3.2 11 1.5 8zM8 6a2 2 0 1 1 0 4 2 2 0 0 1 0-4z',
  filter: 'M2.5 3.5h11L9.3 8.6v4.2l-2.6-1.2v-3z',
  history: 'M3 5.2A6 6 0 1 1 2 8M2.6 2.3v3h3M8 5v3.2l2.2 1.4',
  info: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 7.3v3.9M8 4.8v.2',
  link: 'M6.8 9.2 9.2 6.8M7.3 4.5l1-1a2.9 2.9 0 0 1 4.1 4.1l-1 1M8.7 11.5l-1 1a2.9 2.9 0 0 1-4.1-4.1l1-1',
  list: 'M6 4h7.5M6 8h7.5M6 12h7.5M2.8 4h.2M2.8 8h.2M2.8 12h.2',
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10M6 6.5h4v3H6z',
  lock: 'M3.5 7.2h9v6.3h-9zM5.3 7.2V5a2.7 2.7 0 0 1 5.4 0v2.2',
  minus: 'M3 8h10',
  more: 'M3.2 8h.2M7.9 8h.2M12.6 8h.2',
  note: 'M3 2.5h10v7l-4 4H3zM9 13.5v-4h4',
  pause: 'M5 3.5v9M11 3.5v9',
  people: 'M6 3a2.3 2.3 0 1 1 0 4.6A2.3 2.3 0 0 1 6 3zM1.8 13c.3-2.4 1.8-3.7 4.2-3.7s3.9 1.3 4.2 3.7M10.6 3.4a2.1 2.1 0 0 1 0 3.9M11.9 9.6c1.4.5 2.2 1.6 2.4 3.4',
  play: 'M5 3.2 12.5 8 5 12.8z',
  redo: 'M12.7 6.3H6.2a3.3 3.3 0 0 0 0 6.6h3.3M10 3.3l3 3-3 3',
  refresh: 'M13 8a5 5 0 1 1-1.5-3.6L13 6M13 2.5V6H9.5',
  search: 'M7 2.7a4.3 4.3 0 1 1 0 8.6 4.3 4.3 0 0 1 0-8.6zM10.2 10.2l3.3 3.3',
  send: 'M2.5 8 13.5 2.8 10.6 13.2 7.6 9.3zM7.6 9.3l5.9-6.5',
  shield: 'M8 2l5 1.8v3.9c0 3-1.9 5.1-5 6.3-3.1-1.2-5-3.3-5-6.3V3.8z',
  shield_check: 'M8 2l5 1.8v3.9c0 3-1.9 5.1-5 6.3-3.1-1.2-5-3.3-5-6.3V3.8zM5.6 8l1.8 1.7 3.1-3.4',
  sort: 'M5 3v10M2.5 10.5 5 13l2.5-2.5M11 13V3M8.5 5.5 11 3l2.5 2.5',
  task: 'M2.8 2.8h10.4v10.4H2.8zM5.3 8.2l2 1.9 3.5-4',
  theme: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 2.5v11M10.5 3.2v9.6',
  trash: 'M3 4.5h10M6.2 4.5V2.8h3.6v1.7M4.3 4.5l.6 9h6.2l.6-9M6.8 7v4M9.2 7v4',
  undo: 'M3.3 6.3h6.5a3.3 3.3 0 0 1 0 6.6H6.5M6 3.3l-3 3 3 3',
  upload: 'M8 10.8v-8M4.5 6 8 2.5 11.5 6M3 13.5h10',
  user: 'M8 2.6a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4zM2.8 13.6c.4-2.6 2.1-4 5.2-4s4.8 1.4 5.2 4',
  zoom_in: 'M7 2.7a4.3 4.3 0 1 1 0 8.6 4.3 4.3 0 0 1 0-8.6zM10.2 10.2l3.3 3.3M7 5.2v3.6M5.2 7h3.6',
  zoom_out: 'M7 2.7a4.3 4.3 0 1 1 0 8.6 4.3 4.3 0 0 1 0-8.6zM10.2 10.2l3.3 3.3M5.2 7h3.6',
};

export function Icon({ name }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={drawings[name]} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
