# Many clients take the same rows in all directions at once.  Afterwards the
# history of each row is one unbroken chain that ends where the row is, and it
# holds exactly the changes that clients were told of: none lost, none made up,
# each with its event.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $clients = 6;
my $attempts = 800;    # of each client
my $rows = 12;
my $seed = $ENV{WRK_SEED} // time;
my @states = qw(a b c held);

srand $seed;
my $node = wrk_node('main');
$node->safe_psql('wrk', q{
	SELECT wrk.define_state_machine('{"name": "ring", "title": "Ring",
		"states": [{"code": "a", "label": "A", "initial": true}, {"code": "b", "label": "B"}, {"code": "c", "label": "C"},
			{"code": "held", "label": "Held", "history": true}],
		"transitions": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "c", "to": "a"},
			{"from": ["a", "b", "c"], "to": "held"}, {"from": "held", "to": "previous"}]}');
	CREATE TABLE item (tenant_id text NOT NULL, id int, status text NOT NULL DEFAULT 'a', PRIMARY KEY (tenant_id, id));
	SELECT wrk.enable_status('item', 'ring', channels => ARRAY['item:{id}']);
	} . "INSERT INTO item SELECT 't', i FROM generate_series(1, $rows) i");

my $who = q{DO $$BEGIN PERFORM wrk.impersonate('t', 'u'); END$$;};

sub any { return $_[ int rand @_ ] }

# What a client sends: one transaction.  Its answer names the changes it made; a
# plain UPDATE's cannot, its rows are counted.
sub transaction
{
	my $to = any(@states, 'previous');
	my $id = 1 + int rand $rows;
	my $step = "SELECT 'change', wrk.transition('item', '$id', '$to'";
	my $kind = rand;

	return "$step) ->> 'change_id';" if $kind < 0.5;
	# the same request by whoever comes first, and again by the others
	return "BEGIN; $who $step, key => 'request $id $to " . int(rand 20) . "') ->> 'change_id'; COMMIT;" if $kind < 0.6;
	# with a snapshot that may be too old by then
	return "BEGIN ISOLATION LEVEL REPEATABLE READ; $who SELECT 'saw', count(*) FROM item; $step) ->> 'change_id'; COMMIT;"
	  if $kind < 0.7;
	return "BEGIN; SELECT 'undone', wrk.transition('item', '$id', '$to') ->> 'change_id'; ROLLBACK;" if $kind < 0.75;
	if ($kind < 0.85)
	{
		my $ids = join ',', map { 1 + int rand $rows } 1 .. 4;
		my ($locked, $refused) = (any('wait', 'wait', 'skip', 'fail'), any('report', 'report', 'fail'));
		return "SELECT 'change', change_id FROM wrk.transition_all('item', '{$ids}', '$to', on_locked => '$locked', "
		  . "on_refused => '$refused') WHERE code IS NULL;";
	}
	$to = any(@states);
	return "UPDATE item SET status = '$to' WHERE id = $id AND status <> '$to' RETURNING 'update', id;";
}

my (%told, %undone, %refused);
my $updates = 0;

sub read_answers
{
	my ($out, $err) = @_;

	$told{$_}++ for $out =~ /^change\|(\d+)$/mg;
	$undone{$_}++ for $out =~ /^undone\|(\d+)$/mg;
	$updates++ for $out =~ /^update\|/mg;
	$refused{$_}++ for $err =~ /ERROR:  (\w{5})$/mg;
}

# from files and to files: nobody waits for this script
my $dir = PostgreSQL::Test::Utils::tempdir();
my @running = map {
	append_to_file("$dir/$_.sql", join("\n", '\set VERBOSITY sqlstate', map { transaction() } 1 .. $attempts) . "\n");
	IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('wrk'), '-f', "$dir/$_.sql" ],
		'<', \'', '>', "$dir/$_.out", '2>', "$dir/$_.err", IPC::Run::timeout(120));
} 1 .. $clients;

for my $client (1 .. $clients)
{
	ok($running[ $client - 1 ]->finish, 'a client has sent all it had');
	read_answers(slurp_file("$dir/$client.out"), slurp_file("$dir/$client.err"));
}

# ---------- what clients were told ----------

sub count_of { return $node->safe_psql('wrk', "SELECT count(*) FROM $_[0]"); }

my $changes = 'wrk.state_change WHERE from_state IS NOT NULL';
my %recorded = map { $_ => 1 } split /\n/, $node->safe_psql('wrk', "SELECT id FROM $changes");

cmp_ok(scalar keys %told, '>', $attempts / 4, 'many won');
cmp_ok($updates, '>', 10, 'plain updates, too');
cmp_ok(scalar keys %undone, '>', 10, 'some won and rolled back');
cmp_ok($refused{WK422} // 0, '>', $attempts / 4, 'many were refused');
cmp_ok($refused{40001} // 0, '>', 0, 'some had an old snapshot');
is(join(' ', grep { !/^(WK422|WK423|40001)$/ } sort keys %refused), '', 'and nobody for another reason');

is(scalar(grep { !$recorded{$_} } keys %told), 0, 'every change a client was told of is in the history');
is(scalar(grep { $recorded{$_} } keys %undone), 0, 'no change that was rolled back is');
is(scalar keys %recorded, keys(%told) + $updates, 'and no other change than those that succeeded');
cmp_ok((sort { $b <=> $a } values %told)[0], '>', 1, 'one key was answered more than once, by one change');
is($node->safe_psql('wrk', "SELECT count(*) FROM (SELECT FROM $changes AND key IS NOT NULL GROUP BY key HAVING count(*) > 1) k"),
	0, 'no key has two changes');

# ---------- what the rows say ----------

is($node->safe_psql('wrk', q{
	SELECT count(*) FROM (
		SELECT from_state, lag(to_state) OVER (PARTITION BY row_id ORDER BY id) AS before FROM wrk.state_change) c
	WHERE from_state IS DISTINCT FROM before}), 0, 'each change begins where the one before it ended');
is($node->safe_psql('wrk', q{
	SELECT count(*) FROM item i WHERE i.status IS DISTINCT FROM (
		SELECT c.to_state FROM wrk.state_change c WHERE c.row_id = i.id::text ORDER BY c.id DESC LIMIT 1)}),
	0, 'and the last one where the row is');
is($node->safe_psql('wrk', q{
	SELECT count(*) FROM wrk.state_change c
	WHERE c.from_state = 'held' AND c.to_state IS DISTINCT FROM (
		SELECT e.from_state FROM wrk.state_change e
		WHERE e.row_id = c.row_id AND e.to_state = 'held' AND e.id < c.id ORDER BY e.id DESC LIMIT 1)}),
	0, 'every way back led to where the row was before');

# ---------- what subscribers hear ----------

is($node->safe_psql('wrk', qq{
	SELECT count(*) FROM $changes AND 1 <> (
		SELECT count(*) FROM wrk.event e WHERE e.type = 'item.status_changed' AND e.payload ->> 'change_id' = state_change.id::text
			AND e.payload ->> 'from' = from_state AND e.payload ->> 'to' = to_state)}), 0, 'every change has one event that says so');
is(count_of(q{wrk.event WHERE type = 'item.status_changed'}), scalar keys %recorded, 'and there are no others');

diag("seed $seed: " . keys(%told) . " told, $updates updates, refused: " . join(', ', map { "$_ $refused{$_}" } sort keys %refused));
$node->stop;
done_testing();
