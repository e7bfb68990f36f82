// Three dots that breathe: somebody is writing.
export const Dots = () => (
  <span className="talk-dots" aria-hidden="true">
    <i />
    <i />
    <i />
  </span>
);
