# copilot.install() is the way in and the way forward: it can always run again,
# and it changes nothing that is as it should be.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $node = wrk_node('main', install => 1);

sub schema
{
	my ($db) = @_;
	my ($out, $err) = run_command([ 'pg_dump', '--schema-only', '-d', $node->connstr($db) ]);
	# lines that are new each time
	return join("\n", grep { !/^\\(un)?restrict / } split /\n/, $out);
}

$node->safe_psql('wrk', q{
	INSERT INTO copilot.tenants (name, slug) VALUES ('Northwind', 'northwind');
	DELETE FROM wrk.permission WHERE role = 'client' AND action = 'create' AND resource_type = 'automation';
	UPDATE wrk.role SET label = 'Our clients' WHERE name = 'client'});
my $schema = schema('wrk');
my %before = map { $_ => rows_of($node, $_) } qw(copilot.tenants wrk.rpc wrk.channel_rule wrk.role wrk.state_machine wrk.transition);

$node->safe_psql('wrk', 'SELECT copilot.install()');
is(schema('wrk'), $schema, 'a second install() leaves the schema as it is');
is(rows_of($node, $_), $before{$_}, "and the rows of $_") for sort keys %before;

# what a half-done installation or an older version lacks comes back
$node->safe_psql('wrk', q{
	DROP TABLE copilot.messages;
	DROP POLICY visible ON copilot.automations;
	ALTER TABLE copilot.blueprint_changes DROP COLUMN undoes CASCADE, DROP COLUMN redoes CASCADE, DROP COLUMN undone CASCADE;
	DELETE FROM wrk.rpc});
$node->safe_psql('wrk', 'SELECT copilot.install()');
is(rows_of($node, 'wrk.rpc'), $before{'wrk.rpc'}, 'install() brings back missing methods');
is($node->safe_psql('wrk', q{SELECT count(*) FROM pg_policies WHERE tablename = 'automations' AND policyname = 'visible'}),
	1, 'and missing policies');
is($node->safe_psql('wrk', q{SELECT to_regclass('copilot.messages') IS NOT NULL}), 't', 'and missing tables');
is($node->safe_psql('wrk', q{SELECT count(*) FROM pg_constraint WHERE conrelid = 'copilot.blueprint_changes'::regclass AND contype = 'c'
	AND pg_get_constraintdef(oid) ~ 'undo|redo'}), 3, 'and missing columns, with their checks');
is($node->safe_psql('wrk', 'SELECT * FROM wrk.lint()'), '', 'after which lint() finds nothing');

# messages and tasks as they were before there were rooms and rules, with rows
$node->safe_psql('wrk', q{
	SET session_replication_role TO replica;
	ALTER TABLE copilot.messages DROP COLUMN chat_id, DROP COLUMN workspace_id, DROP COLUMN thread_id CASCADE,
		DROP COLUMN room_id CASCADE, DROP COLUMN room_kind CASCADE, DROP COLUMN deleted_at CASCADE, DROP COLUMN deleted_by CASCADE,
		DROP COLUMN attachments CASCADE, DROP COLUMN tags CASCADE, DROP COLUMN mentions CASCADE, DROP COLUMN anchor CASCADE,
		ADD CONSTRAINT messages_one_thread CHECK (num_nonnulls(project_id, automation_version_id) = 1);
	ALTER TABLE copilot.tasks DROP COLUMN rule CASCADE;
	INSERT INTO copilot.projects (tenant_id, name) SELECT id, 'Old' FROM copilot.tenants;
	INSERT INTO copilot.messages (tenant_id, project_id, type, body) SELECT tenant_id, id, 'system', 'Hello' FROM copilot.projects;
	INSERT INTO copilot.tasks (tenant_id, project_id, title) SELECT tenant_id, id, 'Do it' FROM copilot.projects});
$node->safe_psql('wrk', 'SELECT copilot.install()');
is($node->safe_psql('wrk', q{SELECT body, thread_id = project_id, attachments FROM copilot.messages}), 'Hello|t|[]',
	'what an older version had becomes what this one has');
is($node->safe_psql('wrk', q{SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint
	WHERE conrelid = 'copilot.messages'::regclass AND conname ~ 'thread|type_check|anchor'}),
	'messages_anchor_check messages_thread_check messages_type_check', 'with the checks of this one');
is($node->safe_psql('wrk', q{SELECT title, rule IS NULL FROM copilot.tasks}), 'Do it|t', 'tasks as well');
is($node->safe_psql('wrk', 'SELECT * FROM wrk.lint()'), '', 'and lint() finds nothing');

# people as they were called before there were checks of it
$node->safe_psql('wrk', q{
	ALTER TABLE copilot.users DROP CONSTRAINT users_name_is_not_blank, DROP CONSTRAINT users_name_has_no_control_characters,
		DROP CONSTRAINT users_avatar_url_has_no_control_characters;
	INSERT INTO copilot.users (email, name, avatar_url) VALUES ('a@example.com', E' \u3000', NULL), ('b@example.com', E'Bob\tLee\u202e', 'https://b'),
		('c@example.com', 'Cy', E'https://c\n'), ('d@example.com', 'Di  Ra', 'https://d')});
my $untouched = $node->safe_psql('wrk', q{SELECT u::text FROM copilot.users u WHERE name = 'Di  Ra'});
$node->safe_psql('wrk', 'SELECT copilot.install()');
is($node->safe_psql('wrk', q{SELECT string_agg(name || coalesce(' ' || avatar_url, ''), ', ' ORDER BY email) FROM copilot.users}),
	'Unnamed, Bob Lee https://b, Cy, Di  Ra https://d', 'names that nobody could read become ones that they can');
is($node->safe_psql('wrk', q{SELECT u::text FROM copilot.users u WHERE name = 'Di  Ra'}), $untouched, 'the others are left alone');
is($node->safe_psql('wrk', q{SELECT count(*) FROM pg_constraint WHERE conrelid = 'copilot.users'::regclass AND convalidated
	AND conname ~ 'blank|control'}), 3, 'and the checks hold');

# with rows in every table: none of them is touched, nor what they have left in the engine's
$node->safe_psql('wrk', "\\i $FindBin::RealBin/../world.sql");
$node->safe_psql('wrk', "BEGIN; SELECT regress.make_world('c', 1); COMMIT");
is($node->safe_psql('wrk', "SELECT regress.empty_tables('c')"), '', 'every table has rows: add some for those above to regress/world.sql');
my @tables = split /\n/, $node->safe_psql('wrk', q{SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'r'
	AND c.relnamespace::regnamespace::text IN ('copilot', 'wrk') AND c.relname !~ '^seal' ORDER BY 1});
my %full = map { $_ => rows_of($node, $_) } @tables;
$node->safe_psql('wrk', 'SELECT copilot.install()');
is(rows_of($node, $_), $full{$_}, "install() leaves the rows of $_") for @tables;

# a second database of the same server, whose roles are there already
$node->safe_psql('postgres', 'CREATE DATABASE second');
is($node->psql('second', 'CREATE EXTENSION wrk_copilot; SELECT copilot.install()'), 0, 'a second database can have it too');

# without the application, and away again
$node->safe_psql('postgres', 'CREATE DATABASE third');
$node->safe_psql('third', 'CREATE EXTENSION wrk_copilot');
is($node->safe_psql('third', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'copilot'::regnamespace AND relkind = 'r'}),
	0, 'without install() there are no tables of the application');
$node->safe_psql('third', 'DROP EXTENSION wrk_copilot');
is($node->safe_psql('third', q{SELECT count(*) FROM pg_namespace WHERE nspname IN ('wrk', 'copilot')}), 0, 'DROP EXTENSION leaves nothing');
is($node->psql('third', 'CREATE EXTENSION wrk_copilot; SELECT copilot.install()'), 0, 'and it can come again');

# who may not
$node->safe_psql('postgres', 'CREATE ROLE ordinary LOGIN; CREATE DATABASE fourth OWNER ordinary');
my ($status, $out, $err) = $node->psql('fourth', 'CREATE EXTENSION wrk_copilot', extra_params => [ '-U', 'ordinary' ]);
like($err, qr/permission denied to create extension/, 'an ordinary role cannot create it');
is(sqlstate_of($node, 'SELECT copilot.install()', as => 'ordinary'), '42501', 'nor install the application');

$node->stop;

# not preloaded: the doorbell is rung by the transaction itself
my $plain = wrk_node('plain', preload => 0, install => 1);
is($plain->safe_psql('wrk', q{SELECT wrk.gateway_hello('tap') ->> 'doorbell'}), 'transaction', 'works without being preloaded');
$plain->stop;

done_testing();
