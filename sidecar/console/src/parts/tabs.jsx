// Views to choose from, as links: each has an address, and the browser's own keys work.
export function Tabs({ label, tabs, chosen, choose }) {
  const go = (key) => (event) => {
    event.preventDefault();
    choose(key);
  };
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ key, title }) => (
        <a key={key} className="tab" href={`#view=${key}`} aria-current={key === chosen ? 'page' : undefined} onClick={go(key)}>
          {title}
        </a>
      ))}
    </nav>
  );
}
