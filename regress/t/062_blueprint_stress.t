# Many edit one blueprint at once, each from what it last saw.  Afterwards every
# edit is there that its editor was told of, unless a later one changed the same
# field; versions have no gap; each has its event; and its diffs lead from the
# first version to the last, byte for byte, and back.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $editors = 32;
my $edits = 30;    # of each editor
my $nodes = 40;
my $seed = $ENV{WRK_SEED} // time;

srand $seed;
my $node = wrk_node('main', install => 1, conf => "max_connections = 60\nfsync = off\n");
my $tenant = '00000000-0000-4000-8000-000000000001';
my $id = '00000000-0000-4000-8000-000000000003';
my $user = '00000000-0000-4000-8001-%012d';

# an edit starts from the version its editor knows: the present one, or a few behind
$node->safe_psql('wrk', qq{
	INSERT INTO copilot.tenants (id, name, slug) VALUES ('$tenant', 'Acme', 'acme');
	INSERT INTO copilot.users (id, email, name)
	SELECT ('00000000-0000-4000-8001-' || lpad(n::text, 12, '0'))::uuid, n || '\@example.com', 'u' || n FROM generate_series(1, $editors) n;
	INSERT INTO copilot.tenant_users (tenant_id, user_id) SELECT '$tenant', id FROM copilot.users;
	INSERT INTO copilot.user_roles (tenant_id, user_id, role) SELECT tenant_id, user_id, 'ops' FROM copilot.tenant_users;
	INSERT INTO copilot.automations (tenant_id, id, name) VALUES ('$tenant', '00000000-0000-4000-8000-000000000002', 'automation');
	INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, blueprint_json)
	SELECT '$tenant', '$id', '00000000-0000-4000-8000-000000000002', jsonb_build_object(
		'nodes', (SELECT jsonb_agg(jsonb_build_object('id', 'n' || n, 'type', 'step', 'data', jsonb_build_object('label', 'node ' || n))) FROM generate_series(1, $nodes) n),
		'edges', (SELECT jsonb_agg(jsonb_build_object('id', 'e' || n, 'source', 'n' || n, 'target', 'n' || n + 1)) FROM generate_series(1, $nodes - 1) n));
	CREATE TABLE first_version AS SELECT blueprint_json AS document FROM copilot.automation_versions;
	CREATE TABLE told (editor int, n int, mode text, diff jsonb, known bigint, answer jsonb, code text);
	CREATE FUNCTION try_edit(editor int, n int, behind int, mode text, diff jsonb) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE
		known bigint;
		answer jsonb;
		code text;
	BEGIN
		PERFORM wrk.impersonate('$tenant', format('00000000-0000-4000-8001-%s', lpad(editor::text, 12, '0')), '{ops}');
		SELECT greatest(v.blueprint_version - behind, 1) INTO known FROM copilot.automation_versions v;
		BEGIN
			answer := copilot.blueprint_apply('$id', known, diff, mode, format('%s/%s', editor, n));
		EXCEPTION WHEN OTHERS THEN
			code := SQLSTATE;
		END;
		INSERT INTO told VALUES (editor, n, mode, diff, known, answer, code);
	END \$\$;
});

# An edit of editor $who: mostly a field that nobody else sets, on a node all share,
# so that it is in conflict with nothing
sub edit
{
	my ($who, $n) = @_;
	my $at = 1 + int rand $nodes;
	my $kind = rand;

	return qq({"nodes": {"updated": [{"id": "n$at", "set": [[["data", "by $who/$n"], $n]]}]}}) if $kind < 0.6;
	return qq({"nodes": {"added": [{"id": "own-$who-$n", "data": {"n": $n}}]}, )
	  . qq("edges": {"added": [{"id": "edge-$who-$n", "source": "own-$who-$n", "target": "n$at"}]}}) if $kind < 0.75;
	return qq({"nodes": {"updated": [{"id": "n$at", "set": [[["data", "label"], "$who/$n"]]}]}}) if $kind < 0.9;
	return qq({"meta": {"set": [[["title"], "$who/$n"]]}}) if $kind < 0.95;
	return qq({"nodes": {"order": [["n$at", null]]}});
}

my $dir = PostgreSQL::Test::Utils::tempdir();
my @running = map {
	my $who = $_;
	append_to_file("$dir/$who.sql", join "\n", map {
		my $mode = rand() < 0.2 ? 'strict' : 'lww';
		my $behind = int rand 4;
		"SELECT try_edit($who, $_, $behind, '$mode', '" . edit($who, $_) . "');"
	} 1 .. $edits);
	IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('wrk'), '-f', "$dir/$who.sql" ],
		'<', \'', '>', "$dir/$who.out", '2>', "$dir/$who.err", IPC::Run::timeout(150));
} 1 .. $editors;
my $finished = grep { $_->finish } @running;
is($finished, $editors, 'every editor has sent all it had');
is(join('', map { slurp_file("$dir/$_.err") } 1 .. $editors), '', 'and met no error of another kind');

sub value { return $node->safe_psql('wrk', "SELECT $_[0]"); }

# ---------- what editors were told ----------

is(value('count(*) FROM told'), $editors * $edits, 'everybody was answered');
is(value(q{string_agg(DISTINCT code, ' ') FROM told WHERE code <> 'WK409'}), '', 'refused were conflicts only');
is(value(q{count(*) FROM told WHERE code IS NOT NULL AND mode <> 'strict'}), 0, 'and only of those who asked for it');
cmp_ok(value(q{count(*) FROM told WHERE answer ->> 'version' > '1' AND known < (answer ->> 'base')::bigint}), '>', $editors * $edits / 4,
	'many were merged');
cmp_ok(value(q{count(*) FROM told WHERE answer -> 'conflicts' <> '[]'}), '>', 0, 'some were in conflict, and won');
is(value(q{count(*) FROM told t WHERE (answer ->> 'changed')::boolean AND NOT EXISTS (
	SELECT FROM copilot.blueprint_changes c WHERE c.version = (t.answer ->> 'version')::bigint AND c.key = format('%s/%s', t.editor, t.n)
		AND c.base_version = t.known AND c.event_id = (t.answer ->> 'event_id')::bigint
		AND c.author_id = format('00000000-0000-4000-8001-%s', lpad(t.editor::text, 12, '0'))::uuid)}), 0,
	'every change an editor was told of is in the history');
is(value(q{count(*) FROM copilot.blueprint_changes}), value(q{count(*) FROM told WHERE (answer ->> 'changed')::boolean}),
	'and no other');

# ---------- no edit is lost ----------

is(value(q{count(*) FROM told t WHERE diff::text LIKE '%"by %' AND code IS NULL AND NOT EXISTS (
	SELECT FROM copilot.automation_versions v, jsonb_array_elements(v.blueprint_json -> 'nodes') e
	WHERE e ->> 'id' = t.diff #>> '{nodes,updated,0,id}' AND e #>> ARRAY['data', format('by %s/%s', t.editor, t.n)] = t.n::text)}), 0,
	'no field');
is(value(q{count(*) FROM told t WHERE diff #> '{nodes,added}' IS NOT NULL AND code IS NULL AND NOT EXISTS (
	SELECT FROM copilot.automation_versions v WHERE v.blueprint_json -> 'nodes' @> (t.diff #> '{nodes,added}') AND v.blueprint_json -> 'edges' @> (t.diff #> '{edges,added}'))}), 0,
	'no node and no edge');
is(value(q{count(*) FROM told WHERE (diff::text LIKE '%"by %' OR diff #> '{nodes,added}' IS NOT NULL) AND code IS NOT NULL}), 0,
	'and none of these was refused');
# of a field that many set, the last change is the one that is there
is(value(q{count(*) FROM (
	SELECT DISTINCT ON (c.diff #>> '{nodes,updated,0,id}') c.diff #>> '{nodes,updated,0,id}' AS node, c.diff #>> '{nodes,updated,0,set,0,1}' AS label
	FROM copilot.blueprint_changes c WHERE c.diff::text LIKE '%"label"]%' ORDER BY 1, c.version DESC) t
	WHERE (SELECT e #>> '{data,label}' FROM copilot.automation_versions v, jsonb_array_elements(v.blueprint_json -> 'nodes') e
		WHERE e ->> 'id' = t.node) IS DISTINCT FROM t.label}), 0, 'of a field that many set, the last stays');

# ---------- versions, events ----------

my $last = value('blueprint_version FROM copilot.automation_versions');
is(value('count(*) || \' \' || min(version) || \' \' || max(version) FROM copilot.blueprint_changes'), ($last - 1) . " 2 $last", 'versions have no gap');
is(value(q{count(*) FROM copilot.blueprint_changes c WHERE 1 <> (
	SELECT count(*) FROM wrk.event e WHERE e.type = 'blueprint.updated' AND e.id = c.event_id AND e.key = c.key
		AND e.payload - '{id,base,version,by}'::text[] = c.diff AND e.payload ->> 'version' = c.version::text
		AND e.payload ->> 'base' = (c.version - 1)::text)}), 0, 'each has its event, with what changed');
is(value(q{count(*) FROM wrk.event WHERE type = 'blueprint.updated'}), $last - 1, 'and there are no others');
is(value(q{bool_and(id > before) FROM (SELECT e.id, lag(e.id, 1, 0::bigint) OVER (ORDER BY c.version) AS before
	FROM copilot.blueprint_changes c JOIN wrk.event e ON e.id = c.event_id) o}), 't', 'in the order of versions');
is(value(q{count(*) FROM wrk.event e WHERE e.type = 'conflict.detected' AND right(e.channels[1], 36) = e.payload ->> 'by'}), 0,
	'nobody is told of a conflict with themselves');
cmp_ok(value(q{count(*) FROM wrk.event WHERE type = 'conflict.detected'}), '>', 0, 'but some of one with others');

# ---------- the history is the document ----------

my $forth = q{WITH RECURSIVE forth (version, document) AS (
	SELECT 1::bigint, document FROM first_version
	UNION ALL
	SELECT f.version + 1, wrk.blueprint_patch(f.document, c.diff)
	FROM forth f JOIN copilot.blueprint_changes c ON c.version = f.version + 1)};
is($node->safe_psql('wrk', "$forth SELECT f.version, f.document::text = v.blueprint_json::text
	FROM forth f, copilot.automation_versions v ORDER BY 1 DESC LIMIT 1"), "$last|t", 'its changes lead from the first version to the last, byte for byte');
is($node->safe_psql('wrk', "SELECT copilot.blueprint_at('$tenant', '$id', blueprint_version, blueprint_json, 1)::text = document::text
	FROM copilot.automation_versions, first_version"), 't', 'and back');

diag("seed $seed: $last versions, " . value(q{string_agg(what, ', ') FROM (SELECT coalesce(code, 'done') || ' ' || count(*) AS what FROM told GROUP BY code ORDER BY 1) c})
	  . ', in conflict: ' . value(q{count(*) FROM told WHERE answer -> 'conflicts' <> '[]'})
	  . ', told: ' . value(q{count(*) FROM wrk.event WHERE type = 'conflict.detected'}));
$node->stop;
done_testing();
