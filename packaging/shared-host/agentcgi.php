<?php
// agentcgi.php: starts agentcgi where PHP is offered and CGI is not.
//
//	agentcgi.php              the page
//	agentcgi.php?selftest     the self-test
//	agentcgi.php/invoke ...   the program, as agentcgi.cgi/invoke would be
//
// The folder agentcgi, with the program and its settings, is beside the
// document root.  If it is elsewhere, write its path here:
$private = '';

// Hosts disable functions, each of them others.
function if_allowed(string $function, ...$arguments): void
{
	if (function_exists($function))
		@$function(...$arguments);
}

function refuse(string $why): void
{
	http_response_code(503);
	header('Content-Type: text/plain; charset=utf-8');
	header('Cache-Control: no-store');
	exit("agentcgi is not set up: $why.  INSTALL.txt tells more.\n");
}

// The page of this name, made to ask this script instead of agentcgi.cgi.
function show_page(string $name): void
{
	$self = basename(__FILE__);
	header('Content-Type: text/html; charset=utf-8');
	exit(strtr(file_get_contents(__DIR__ . "/$name"), [
		'agentcgi.cgi/' => "$self/",
		'"selftest.html"' => "\"$self?selftest\"",
		'"index.html"' => "\"$self\"",
	]));
}

// Not another customer's: it belongs to whom this script does.
function find_private(): string
{
	foreach ([$_SERVER['DOCUMENT_ROOT'] ?? '.',
		$_SERVER['CONTEXT_DOCUMENT_ROOT'] ?? '.', __DIR__ . '/..', __DIR__] as $root) {
		$private = @realpath("$root/../agentcgi");
		if ($private !== false && @is_file("$private/agentcgi")
			&& fileowner($private) === getmyuid())
			return $private;
	}
	refuse('its folder, agentcgi, is not beside the document root');
}

// The body, as [its type, or null for the client's own; its bytes].
function body(): array
{
	$type = $_SERVER['CONTENT_TYPE'] ?? '';
	// Of this one PHP has left us the fields alone.
	if (strncasecmp($type, 'multipart/form-data', 19) === 0 && $_POST !== [])
		return ['application/x-www-form-urlencoded', http_build_query($_POST)];
	return [null, (string)file_get_contents('php://input')];
}

// What a web server tells a CGI program, and what agentcgi.cgi adds.
function environment(string $private): array
{
	$env = ['GATEWAY_INTERFACE' => 'CGI/1.1', 'HOME' => dirname($private),
		'AGENTCGI_CONFIG' => "$private/agentcgi.conf"];
	if (is_file("$private/credentials"))
		$env['AWS_SHARED_CREDENTIALS_FILE'] = "$private/credentials";
	foreach ($_SERVER as $name => $value) {
		if (is_string($value) && preg_match('/^(HTTP_\w+|CONTENT_(TYPE|LENGTH)|HTTPS'
			. '|QUERY_STRING|REQUEST_(METHOD|URI|SCHEME)|SCRIPT_(NAME|FILENAME)'
			. '|PATH_INFO|DOCUMENT_ROOT|(REMOTE|SERVER)_\w+)$/D', $name))
			$env[$name] = $value;
	}
	// Where rewriting or PHP itself has put it.
	$token = $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] ?? null;
	if (!isset($env['HTTP_AUTHORIZATION']) && is_string($token))
		$env['HTTP_AUTHORIZATION'] = $token;
	return $env;
}

// Nothing of PHP's may hold the answer back.
function stop_buffering(): void
{
	if_allowed('ini_set', 'zlib.output_compression', '0');
	if_allowed('apache_setenv', 'no-gzip', '1');
	while (ob_get_level() > 0)
		ob_end_clean();
	ob_implicit_flush();
}

// What comes, as soon as it comes: a blocking fread may wait for more.
function pieces($from): Generator
{
	stream_set_blocking($from, false);
	while (!feof($from)) {
		$piece = fread($from, 8192);
		if ($piece !== false && $piece !== '') {
			yield $piece;
			continue;
		}
		$ready = [$from];
		$none = null;
		stream_select($ready, $none, $none, 60);
	}
}

function pass_head(string $head): void
{
	header_remove('X-Powered-By');
	foreach (preg_split('/\r?\n/', $head) as $line) {
		if (preg_match('/^Status: *(\d{3})/i', $line, $match))
			http_response_code((int)$match[1]);
		else
			header($line, false);
	}
}

// The header block up to an empty line, then the body.
function pass_answer($from): void
{
	$head = '';
	foreach (pieces($from) as $piece) {
		if ($head !== null) {
			$head .= $piece;
			$parts = preg_split('/\r?\n\r?\n/', $head, 2);
			if (count($parts) < 2)
				continue;
			pass_head($parts[0]);
			[$head, $piece] = [null, $parts[1]];
		}
		echo $piece;
		flush();
	}
	if ($head !== null)
		http_response_code(502);
}

function run(string $private): void
{
	[$type, $body] = body();
	$env = environment($private);
	if ($type !== null)
		$env = ['CONTENT_TYPE' => $type, 'CONTENT_LENGTH' => (string)strlen($body)] + $env;
	// A list of words only PHP 7.4 takes.
	$program = proc_open('exec ' . escapeshellarg("$private/agentcgi"),
		[['pipe', 'r'], ['pipe', 'w'], ['file', 'php://stderr', 'w']], $pipes,
		$private, $env);
	if ($program === false)
		refuse('the program in its folder does not start');
	// PHP ends this script when it finds that the browser has left: then
	// the program is to end as well, and in any case to leave no zombie.
	$whole = false;
	register_shutdown_function(function () use ($program, $pipes, &$whole) {
		fclose($pipes[1]);
		if (!$whole)
			if_allowed('proc_terminate', $program);
		if_allowed('proc_close', $program);
	});
	@fwrite($pipes[0], $body);
	fclose($pipes[0]);
	pass_answer($pipes[1]);
	$whole = true;
}

// What PHP warns of has paths of this host in it.
if_allowed('ini_set', 'display_errors', '0');
if (($_SERVER['PATH_INFO'] ?? '') === '')
	show_page(isset($_GET['selftest']) ? 'selftest.html' : 'index.html');
foreach (['proc_open', 'escapeshellarg'] as $function) {
	if (!function_exists($function))
		refuse("this host's PHP may not start programs ($function is disabled)");
}
if ($private === '')
	$private = find_private();
if (!is_executable("$private/agentcgi"))
	refuse('the program in its folder needs the mode 755 (or 705, or 700)');
if (is_file("$private/agentcgi.php"))
	refuse('its two folders are one: keys do not belong where browsers look');
if_allowed('set_time_limit', 0);
// Who has left is not to be paid for.
if_allowed('ignore_user_abort', false);
stop_buffering();
run($private);
