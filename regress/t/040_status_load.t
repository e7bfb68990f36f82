# Rows that arrive with a state, rather than step by step, are taken as they are
# where that is meant: from a dump, from logical replication and from an import
# that a service announces.  Everywhere else they are refused.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $machine = q{{"name": "shipment", "title": "Shipment",
	"states": [
		{"code": "planned", "label": "Planned", "initial": true}, {"code": "loading", "label": "Loading"},
		{"code": "moving", "label": "Moving"}, {"code": "held", "label": "Held", "history": true},
		{"code": "delivered", "label": "Delivered", "terminal": true}],
	"transitions": [
		{"from": "planned", "to": "loading"}, {"from": "loading", "to": "moving", "guard": "public.has_driver"},
		{"from": ["loading", "moving"], "to": "held", "needs_reason": true}, {"from": "held", "to": "previous"},
		{"from": "moving", "to": "delivered", "roles": ["driver"], "after": "public.invoice"}]}};
# another first step
(my $newer = $machine) =~ s/(?<={"from": "planned", "to": )"loading"}/"moving"}, {"from": "moving", "to": "loading"}/;
my $table = q{CREATE TABLE shipment (
	tenant_id text NOT NULL, id int NOT NULL, status text NOT NULL DEFAULT 'planned', driver text, PRIMARY KEY (tenant_id, id))};
my $protect = q{
	SELECT wrk.enable_tenancy('shipment');
	SELECT wrk.enable_status('shipment', 'shipment', channels => ARRAY['shipment:{id}']);
	GRANT SELECT, INSERT, UPDATE ON shipment TO wrk_member};
my $functions = q{
	CREATE TABLE invoiced (shipment text);
	CREATE FUNCTION public.has_driver(step jsonb) RETURNS text LANGUAGE sql STABLE
	RETURN CASE WHEN step -> 'row' ->> 'driver' IS NULL THEN 'nobody drives it' END;
	CREATE FUNCTION public.invoice(step jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
	AS 'INSERT INTO invoiced VALUES (step ->> ''id'')';
	INSERT INTO wrk.role (name, bit) VALUES ('driver', 40)};

# one transaction of a member of the tenant; what the statements print
my $member = q{BEGIN;
	SELECT wrk.impersonate('north', 'dora', '{driver}') \g /dev/null
	SET LOCAL ROLE wrk_member;};

sub as_member { my ($node, $sql) = @_; return $node->safe_psql('wrk', "$member $sql; COMMIT"); }
sub refusal { my ($node, $sql) = @_; return sqlstate_of($node, "$member $sql; COMMIT"); }
sub step { my ($id, $to, $more) = @_; return "SELECT wrk.transition('shipment', '$id', '$to'" . ($more // '') . ") ->> 'to'"; }

sub history
{
	my ($node, $id) = @_;
	return $node->safe_psql('wrk', qq{
		SELECT string_agg(coalesce(from_state, '') || '>' || to_state, ' ' ORDER BY id) FROM wrk.state_change
		WHERE entity = 'shipment' AND row_id = '$id'});
}

# ---------- a dump ----------

my $old = wrk_node('old', conf => "wal_level = logical\nmax_wal_senders = 5\n");
$old->safe_psql('wrk', "$functions; SELECT wrk.define_state_machine('$machine'); $table; $protect");
as_member($old, q{INSERT INTO shipment (id, driver) SELECT i, 'dora' FROM generate_series(1, 6) i});
as_member($old, step($_, 'loading')) for 2 .. 5;
as_member($old, step($_, 'moving')) for 3 .. 5;
as_member($old, step($_, 'held', ", 'customs'")) for 4, 5;
as_member($old, step(2, 'held', ", 'no dock'"));
as_member($old, step(5, 'previous'));
$old->safe_psql('wrk', "SELECT wrk.define_state_machine('$newer')");
as_member($old, q{INSERT INTO shipment (id) VALUES (7)});
is($old->safe_psql('wrk', 'SELECT string_agg(id || status || status_machine_version, chr(32) ORDER BY id) FROM shipment'),
	'1planned1 2held1 3moving1 4held1 5moving1 6planned1 7planned2', 'rows are in the middle of two versions');

my @kept = qw(shipment wrk.state_machine wrk.state wrk.transition wrk.state_change);
my $dump = PostgreSQL::Test::Utils::tempdir() . '/status.dump';
my $new = wrk_node('new', extension => 0);

$old->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $old->connstr('wrk') ], 'the database can be dumped');
$new->command_ok([ 'pg_restore', '--exit-on-error', '-d', $new->connstr('wrk'), $dump ],
	'and restored: rows that are under way load');
is(rows_of($new, $_), rows_of($old, $_), "rows of $_ are kept, none is added") for @kept;
is($new->safe_psql('wrk', "SELECT wrk.status_config('shipment')"),
	$old->safe_psql('wrk', "SELECT wrk.status_config('shipment')"), 'the table still follows its machine');

is($new->safe_psql('wrk', "SELECT wrk.define_state_machine('$newer')"), 2, 'the machine is known: no third version');
is(as_member($new, step(1, 'loading')), 'loading', 'a row goes on by its old version');
is(refusal($new, step(7, 'loading')), 'WK422', 'a newer one by the newer');
is(as_member($new, step(7, 'moving')), 'moving', 'which has another step');
is(as_member($new, step(4, 'previous')), 'moving', '"previous" leads where the row was before the dump');
is(as_member($new, step(2, 'previous')), 'loading', 'each to its own');
is(refusal($new, step(6, 'moving')), 'WK422', 'what was refused is refused');
is(refusal($new, q{UPDATE shipment SET status = 'delivered' WHERE id = 6}), 'WK422', 'whatever the statement');
as_member($new, q{UPDATE shipment SET driver = NULL WHERE id = 2});
is(refusal($new, step(2, 'moving')), 'WK422', 'guards are asked');
as_member($new, step(4, 'delivered'));
is($new->safe_psql('wrk', 'SELECT shipment FROM invoiced'), '4', 'what comes after a step comes');
is(history($new, 4), '>planned planned>loading loading>moving moving>held held>moving moving>delivered',
	'one history, from before the dump and after');
is($new->safe_psql('wrk', q{SELECT count(*) = count(DISTINCT id) FROM wrk.state_change}), 't', 'no number given twice');
is(as_member($new, "INSERT INTO shipment (id) VALUES (8) RETURNING status_machine_version"), 2, 'new rows begin with the newest');

# data alone, into tables that are there and guarded: triggers fire, in an order nobody chose
my $data = PostgreSQL::Test::Utils::tempdir() . '/data.sql';
$old->command_ok([ 'pg_dump', '--data-only', '-t', 'shipment', '-f', $data, '-d', $old->connstr('wrk') ], 'rows can be dumped alone');
$new->safe_psql('wrk', 'DELETE FROM shipment');
$new->command_fails([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $data, '-d', $new->connstr('wrk') ],
	'loading them into the guarded table is refused');
$new->command_ok([ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-c', 'SET row_security = off', '-c', 'SELECT wrk.status_import()',
	'-f', $data, '-d', $new->connstr('wrk') ], 'as an import it is not');
is(rows_of($new, 'shipment'), rows_of($old, 'shipment'), 'and has the rows as they were, versions included');
$new->stop;

# ---------- logical replication ----------

my $replica = wrk_node('replica');
$replica->safe_psql('wrk', "$functions; $table");
$replica->safe_psql('wrk', "SELECT wrk.define_state_machine('$machine'); SELECT wrk.define_state_machine('$newer'); $protect");
$old->safe_psql('wrk', 'CREATE PUBLICATION app FOR TABLE shipment, wrk.state_change');
$replica->safe_psql('wrk', q{CREATE SUBSCRIPTION app CONNECTION '} . $old->connstr . q{ dbname=wrk' PUBLICATION app});
$replica->wait_for_subscription_sync($old, 'app', 'wrk');
is(rows_of($replica, $_), rows_of($old, $_), "the subscriber begins with the rows of $_") for qw(shipment wrk.state_change);

as_member($old, step(6, 'loading'));
as_member($old, step(3, 'held', ", 'storm'"));
as_member($old, step(3, 'previous'));
as_member($old, step(3, 'delivered'));
as_member($old, q{INSERT INTO shipment (id) VALUES (9)});
as_member($old, q{UPDATE shipment SET driver = 'carl' WHERE id = 6});
$old->wait_for_catchup('app');
is(rows_of($replica, $_), rows_of($old, $_), "and follows: rows of $_ are the publisher's") for qw(shipment wrk.state_change);
is(history($replica, 3), '>planned planned>loading loading>moving moving>held held>moving moving>delivered',
	'each change is in the history once');
is($replica->safe_psql('wrk', 'SELECT count(*) FROM invoiced'), 0, 'what comes after a step came at the publisher');
is($replica->safe_psql('wrk', q{SELECT count(*) FROM wrk.event}), 0, 'and so did the events');
is(refusal($replica, q{UPDATE shipment SET status = 'planned' WHERE id = 6}), 'WK422', 'the subscriber\'s own writers are guarded');
$replica->stop;

# ---------- imports ----------

$old->safe_psql('wrk', q{
	CREATE ROLE importer LOGIN IN ROLE wrk_service; CREATE ROLE someone LOGIN IN ROLE wrk_member;
	GRANT SELECT, INSERT, UPDATE ON shipment TO wrk_service});
my $import = q{SELECT wrk.impersonate('north', NULL); SELECT wrk.status_import();};
my $row = q{INSERT INTO shipment (id, status) VALUES};

sub as_importer { my ($sql) = @_; return sqlstate_of($old, $sql, as => 'importer'); }

is(sqlstate_of($old, 'SELECT wrk.status_import()', as => 'someone'), '42501', 'a member cannot begin an import');
is(refusal($old, 'SELECT wrk.status_import()'), '42501', 'with an identity neither');
isnt(refusal($old, "SET LOCAL wrk_copilot.status_import = on; $row (100, 'moving')"), '', 'nor is it a setting');

is(as_importer("BEGIN; $import $row (101, 'moving'); COMMIT"), '', 'a service can insert a row that is under way');
is(history($old, 101), '>moving', 'which is in the history');
is($old->safe_psql('wrk', q{SELECT imported FROM wrk.state_change WHERE row_id = '101'}), 't', 'as an import');
is(as_importer("BEGIN; $import UPDATE shipment SET status = 'planned' WHERE id = 101; COMMIT"), '', 'it can write any state');
is(as_importer("BEGIN; $import $row (102, 'lost'); COMMIT"), 'WK422', 'that there is');
is(as_member($old, step(101, 'moving')), 'moving', 'an imported row goes on by the current version');

is(as_importer("BEGIN; $import COMMIT; BEGIN; SELECT wrk.impersonate('north', NULL); $row (103, 'moving'); COMMIT"),
	'WK422', 'refused after the transaction');
is(as_importer("BEGIN; $import ROLLBACK; BEGIN; SELECT wrk.impersonate('north', NULL); $row (103, 'moving'); COMMIT"),
	'WK422', 'refused after a rollback');
is(as_importer("BEGIN; SAVEPOINT s; $import ROLLBACK TO s; SELECT wrk.impersonate('north', NULL); $row (103, 'moving'); COMMIT"),
	'WK422', 'refused after ROLLBACK TO a savepoint from before it');
is(as_importer("BEGIN; $import SAVEPOINT s; $row (104, 'moving'); ROLLBACK TO s; $row (105, 'moving'); COMMIT"),
	'', 'accepted after ROLLBACK TO one from after it');
is(as_importer("BEGIN; SAVEPOINT s; $import RELEASE s; $row (106, 'moving'); COMMIT"), '', 'and after RELEASE');
is(as_importer("BEGIN; $import SELECT wrk.status_import(false); $row (107, 'moving'); COMMIT"), 'WK422', 'refused after its end');
is(as_importer("BEGIN; $import SAVEPOINT s; SELECT wrk.status_import(false); ROLLBACK TO s; $row (108, 'moving'); COMMIT"),
	'WK422', 'also when its end was rolled back');
is(as_importer("BEGIN; $import SET LOCAL ROLE wrk_member; $row (109, 'moving'); COMMIT"), '',
	'it is the transaction that imports, also as another role');
is($old->safe_psql('wrk', q{SELECT string_agg(id::text, ',' ORDER BY id) FROM shipment WHERE id > 100}), '101,105,106,109',
	'what was refused is not there');

$old->stop;
done_testing();
