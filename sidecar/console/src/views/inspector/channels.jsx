// Where this client is in each of its channels.
import { Empty } from '../../parts/empty.jsx';
import { Time } from '../../parts/time.jsx';

const short = (position) => (position && position.length > 28 ? `${position.slice(0, 12)}…${position.slice(-12)}` : (position ?? '–'));

export function Channels({ recorder }) {
  const channels = [...recorder.channels.values()].filter(({ isLeft }) => !isLeft);
  if (channels.length === 0)
    return (
      <Empty icon="list" title="No channels yet">
        Channels appear with the first subscription.
      </Empty>
    );
  return (
    <div className="inspector-table-box" tabIndex={0} role="group" aria-label="Channels">
      <table className="inspector-table">
        <thead>
          <tr>
            <th scope="col">Channel</th>
            <th scope="col">Position</th>
            <th scope="col" className="number">
              Events
            </th>
            <th scope="col">Last event</th>
            <th scope="col">Recovery</th>
          </tr>
        </thead>
        <tbody>
          {channels.map((channel) => {
            const position = recorder.positionOf(channel);
            return (
              <tr key={channel.name} data-channel={channel.name}>
                <th scope="row" title={channel.name}>
                  {channel.asked ?? channel.name}
                </th>
                <td className="mono" title={position ?? undefined}>
                  {short(position)}
                </td>
                <td className="number">{channel.events}</td>
                <td>{channel.at ? <Time at={channel.at} /> : '–'}</td>
                <td>
                  {channel.isRecovered ? (channel.replayed > 0 ? `${channel.replayed} replayed` : 'Recovered') : 'Reloaded'}
                  {channel.gaps > 0 && `, ${channel.gaps} gaps`}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
