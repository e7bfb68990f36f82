# Three people edit one blueprint, undo and redo, in a random order.  A model of
# each one's stack and of every field says beforehand what each step answers and
# what the blueprint is afterwards.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $steps = $ENV{WRK_STEPS} // 1200;
my $seed = $ENV{WRK_SEED} // time;
my @fields = qw(a b c d);
my @nodes = map { "n$_" } 1 .. 4;
my @people = (1 .. 3);

srand $seed;
my $json = JSON::PP->new->canonical->allow_nonref;
my $node = wrk_node('main', install => 1, conf => "fsync = off\n");
my $tenant = '00000000-0000-4000-8000-000000000001';
my $id = '00000000-0000-4000-8000-000000000003';

# ---------- the model ----------

# The blueprint is one value for each place ("node field", "node" for a node that is
# there).  A change is what it did: place => [from, to].  An edit has a head, the
# change that did, undid or redid it last.
my %now = map { my $n = $_; ($n => 1, map { ("$n $_" => 0) } @fields) } @nodes;
my $version = 1;
my $fresh = 0;
my (%done, %undone);    # stacks of edits by person
$done{$_} = [] and $undone{$_} = [] for @people;

sub place_of { return ref $_[0] ? () : split / /, $_[0]; }

# Nodes that people add and delete go as a whole, with their one field
sub edit
{
	my ($who) = @_;
	my %did;
	my $kind = rand;
	my @own = sort grep { /^x\d+$/ && $now{$_} } keys %now;

	if ($kind < 0.15)
	{
		my $x = 'x' . ++$fresh;
		%did = ($x => [ undef, "made by $who" ]);
	}
	elsif ($kind < 0.3 && @own)
	{
		my $x = $own[ rand @own ];
		%did = ($x => [ $now{$x}, undef ]);
	}
	elsif ($kind < 0.4 && @own)
	{
		my $x = $own[ rand @own ];
		%did = ($x => [ $now{$x}, "changed by $who at $version" ]);
	}
	else
	{
		for (0 .. rand 3)
		{
			my $place = $nodes[ rand @nodes ] . ' ' . $fields[ rand @fields ];
			my $to = 1 + int rand 3;
			$did{$place} = [ $now{$place}, $to ] if $now{$place} ne $to;
		}
	}
	return \%did;
}

sub apply_change
{
	my ($did) = @_;
	return 0 if !%$did;
	for my $place (keys %$did)
	{
		if (defined $did->{$place}[1]) { $now{$place} = $did->{$place}[1]; }
		else { delete $now{$place}; }
	}
	$version++;
	return 1;
}

sub same { return defined $_[0] ? defined $_[1] && $_[0] eq $_[1] : !defined $_[1]; }

# What an undo or redo comes to: what is as the change left it goes back
sub take_back
{
	my ($from, $to, $who, $mode, $word) = @_;
	my $edit = $from->[-1] or return { $word => undef };
	my (%back, @conflicts);

	if ($edit->{did_last} eq ($word eq 'undone' ? 'do' : 'undo'))
	{
		for my $place (sort keys %{ $edit->{head} })
		{
			my ($was, $is) = @{ $edit->{head}{$place} };
			if (same($now{$place}, $is)) { $back{$place} = [ $is, $was ]; }
			elsif (!same($now{$place}, $was)) { push @conflicts, $place; }
		}
	}
	return { refused => [ sort @conflicts ] } if $mode eq 'strict' && @conflicts;
	my $changed = apply_change(\%back);
	$edit->{head} = \%back, $edit->{did_last} = ($word eq 'undone' ? 'undo' : 'do') if $changed;
	push @$to, pop @$from;
	return { $word => $edit->{version}, version => $version, changed => $changed, conflicts => [ sort @conflicts ] };
}

# The diff that an edit sends
sub diff_of
{
	my ($did) = @_;
	my (@added, @deleted, %set);

	for my $place (sort keys %$did)
	{
		my ($n, $field) = split / /, $place;
		my ($was, $is) = @{ $did->{$place} };
		if (defined $field) { push @{ $set{$n} }, [ [$field], $is ]; }
		elsif (!defined $was) { push @added, { id => $n, by => $is }; }
		elsif (!defined $is) { push @deleted, $n; }
		else { push @{ $set{$n} }, [ ['by'], $is ]; }
	}
	my %part;
	$part{added} = \@added if @added;
	$part{deleted} = \@deleted if @deleted;
	$part{updated} = [ map { { id => $_, set => $set{$_} } } sort keys %set ] if %set;
	return $json->encode({ nodes => \%part });
}

# ---------- the same steps, there and here ----------

$node->safe_psql('wrk', qq{
	INSERT INTO copilot.tenants (id, name, slug) VALUES ('$tenant', 'Acme', 'acme');
	INSERT INTO copilot.users (id, email, name) SELECT ('00000000-0000-4000-8000-00000000001' || n)::uuid, n || '\@example.com', 'u' || n FROM generate_series(1, 3) n;
	INSERT INTO copilot.tenant_users (tenant_id, user_id) SELECT '$tenant', id FROM copilot.users;
	INSERT INTO copilot.user_roles (tenant_id, user_id, role) SELECT tenant_id, user_id, 'ops' FROM copilot.tenant_users;
	INSERT INTO copilot.automations (tenant_id, id, name) VALUES ('$tenant', '00000000-0000-4000-8000-000000000002', 'automation');
	INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, blueprint_json)
	SELECT '$tenant', '$id', '00000000-0000-4000-8000-000000000002', jsonb_build_object('nodes',
		jsonb_agg(jsonb_build_object('id', 'n' || n, 'a', 0, 'b', 0, 'c', 0, 'd', 0))) FROM generate_series(1, 4) n;
	CREATE TABLE said (n serial, answer jsonb, document jsonb);
	-- a conflict by its place; of a node that was deleted or added the node is the place
	CREATE FUNCTION places(conflicts jsonb) RETURNS jsonb LANGUAGE sql AS \$\$
		SELECT coalesce(jsonb_agg(place ORDER BY place COLLATE "C"), '[]') FROM (
			SELECT DISTINCT CASE WHEN c #>> '{path,1}' LIKE 'x%' THEN c #>> '{path,1}'
				ELSE concat_ws(' ', c #>> '{path,1}', c #>> '{path,2}') END AS place FROM jsonb_array_elements(conflicts) c) p \$\$;
	CREATE FUNCTION say(who int, command text) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE
		answer jsonb;
		detail text;
	BEGIN
		PERFORM wrk.impersonate('$tenant', '00000000-0000-4000-8000-00000000001' || who, '{ops}');
		BEGIN
			EXECUTE command INTO answer;
			answer := CASE WHEN answer ? 'conflicts' THEN answer - '{base,event_id,dropped_edges}'::text[]
				|| jsonb_build_object('conflicts', places(answer -> 'conflicts')) ELSE answer END;
		EXCEPTION WHEN SQLSTATE 'WK409' THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
			answer := jsonb_build_object('refused', places(detail::jsonb -> 'conflicts'));
		END;
		INSERT INTO said (answer, document) SELECT answer, (
			SELECT coalesce(jsonb_object_agg(place, value), '{}') FROM (
				SELECT CASE WHEN m.key = 'id' OR m.key = 'by' THEN e ->> 'id' ELSE concat_ws(' ', e ->> 'id', m.key) END AS place,
					CASE WHEN m.key = 'id' THEN '1' ELSE m.value #>> '{}' END AS value
				FROM jsonb_array_elements(v.blueprint_json -> 'nodes') e, jsonb_each(e) m
				WHERE NOT (m.key = 'id' AND e ? 'by')) p)
		FROM copilot.automation_versions v;
	END \$\$;
});

my (@script, @expected, %count);
for (1 .. $steps)
{
	my $who = $people[ rand @people ];
	my $kind = rand;
	my $mode = rand() < 0.5 ? 'strict' : 'ours';
	my $answer;

	if ($kind < 0.4)
	{
		my $did = edit($who);
		next if !%$did;
		push @script, "SELECT say($who, \$q\$SELECT copilot.blueprint_apply('$id', $version, '" . diff_of($did) . "')\$q\$);";
		apply_change($did);
		push @{ $done{$who} }, { version => $version, head => $did, did_last => 'do' };
		$undone{$who} = [];
		$answer = { version => $version, changed => 1, conflicts => [] };
		$count{edit}++;
	}
	else
	{
		my $undo = $kind < 0.75;
		push @script, "SELECT say($who, \$q\$SELECT copilot.blueprint_" . ($undo ? 'undo' : 'redo') . "('$id', '$mode')\$q\$);";
		$answer = $undo ? take_back($done{$who}, $undone{$who}, $who, $mode, 'undone')
		  : take_back($undone{$who}, $done{$who}, $who, $mode, 'redone');
		$count{ ($undo ? 'undo ' : 'redo ') . ($answer->{refused} ? 'refused' : !defined $answer->{version} ? 'of nothing'
			: @{ $answer->{conflicts} } ? ($answer->{changed} ? 'in part' : 'of what was overwritten') : $answer->{changed} ? 'whole' : 'that changed nothing') }++;
	}
	$answer->{changed} = $answer->{changed} ? JSON::PP::true : JSON::PP::false if exists $answer->{changed};
	push @expected, [ $script[-1], $json->encode($answer), $json->encode({ map { ($_ => "$now{$_}") } keys %now }) ];
}
$node->safe_psql('wrk', join("\n", @script), timeout => 300);

my @said = map { $json->encode($json->decode($_)) } split /\n/,
  $node->safe_psql('wrk', 'SELECT answer FROM said ORDER BY n');
my @documents = map { $json->encode($json->decode($_)) } split /\n/,
  $node->safe_psql('wrk', 'SELECT document FROM said ORDER BY n');
is(scalar @said, scalar @expected, 'every step was answered');
my ($wrong) = grep { ($said[$_] // '') ne $expected[$_][1] || ($documents[$_] // '') ne $expected[$_][2] } 0 .. $#expected;
ok(!defined $wrong, 'as the model has it, and so is the blueprint after every step')
  or diag("seed $seed, step $wrong: $expected[$wrong][0]\nanswer   $said[$wrong]\nexpected $expected[$wrong][1]\n"
	  . "document $documents[$wrong]\nexpected $expected[$wrong][2]");

# ---------- what is kept ----------

is($node->safe_psql('wrk', 'SELECT blueprint_version FROM copilot.automation_versions'), $version, 'nothing else was changed');
is($node->safe_psql('wrk', q{SELECT count(*) FROM copilot.blueprint_changes c JOIN copilot.blueprint_changes e
	ON e.version = coalesce(c.undoes, c.redoes) WHERE e.author_id <> c.author_id OR e.undoes IS NOT NULL OR e.redoes IS NOT NULL}),
	0, 'nobody has undone or redone but edits of their own');
is($node->safe_psql('wrk', q{SELECT count(*) FROM wrk.event WHERE type = 'conflict.detected'}), 0, 'and nobody was overwritten');
cmp_ok($count{$_} // 0, '>', 0, "there was $_") for 'undo whole', 'redo whole', 'undo refused', 'undo in part', 'undo of what was overwritten',
  'undo of nothing', 'redo of nothing';
diag("seed $seed: " . join(', ', map { "$_ $count{$_}" } sort keys %count));

$node->stop;
done_testing();
