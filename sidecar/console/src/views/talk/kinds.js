// Kinds of messages: who reads them, and who is offered to write them. The database decides both, and says what it would take.
export const kinds = {
  client: { title: 'Everyone', note: null, who: 'Visible to everyone in the project', placeholder: 'Write to everyone …' },
  ops: { title: 'Team', note: 'Team only', who: 'Not visible to clients', placeholder: 'Write to the team …' },
  internal_note: { title: 'Internal note', note: 'Internal note', who: 'Visible to operations only', placeholder: 'Write an internal note …' },
  system: { title: 'System', note: 'System', who: 'Written by the system' },
};

/** What somebody of these rights (`can` of a project) may write, the usual first. */
export const kindsFor = (can = []) => ['client', 'ops', 'internal_note'].filter((kind) => can.includes(`send_${kind}`));
