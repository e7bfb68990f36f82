// Light, dark, or as the system says; remembered by this browser.
import { useEffect, useState } from 'react';

import { Icon } from './icon.jsx';

const KEY = 'wrk-theme';
const next = { system: 'light', light: 'dark', dark: 'system' };

export function ThemeSwitch() {
  const [theme, setTheme] = useState(() => localStorage.getItem(KEY) ?? 'system');
  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
  }, [theme]);
  return (
    <button type="button" className="button quiet small" onClick={() => setTheme(next[theme])}>
      <Icon name="theme" />
      Theme: {theme}
    </button>
  );
}
