// The statuses of an automation version, in the order of its life, and how a chip shows them: never by colour alone.
export const statuses = [
  ['intake_in_progress', 'Intake in Progress', 'work'],
  ['needs_pricing', 'Needs Pricing', 'wait'],
  ['awaiting_client_approval', 'Awaiting Client Approval', 'wait'],
  ['build_in_progress', 'Build in Progress', 'work'],
  ['qa_testing', 'QA & Testing', 'work'],
  ['ready_to_launch', 'Ready to Launch', 'good'],
  ['live', 'Live', 'good'],
  ['paused', 'Paused', 'wait'],
  ['blocked', 'Blocked', 'bad'],
  ['archived', 'Archived', 'over'],
].map(([code, label, tone]) => ({ code, label, tone }));

const unknown = { label: 'Unknown', tone: 'over' };

export const statusOf = (code) => statuses.find((status) => status.code === code) ?? { ...unknown, code };
