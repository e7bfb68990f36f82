/*
 * sendloop.c
 *	  The yardstick: a server that does nothing but send.
 *
 * It accepts the load client's connections, answers the handshake and the two
 * frames "connect" and "subscribe" with constants, and then for each event does
 * one send() per connection, on one thread, frame by frame: what any server
 * pays at least that writes frames one at a time.  With --join J it waits for J
 * events and sends them in one call: the floor of a server that joins frames.
 *
 * CPU time is that of the sending alone (getrusage around it), so frames per
 * CPU-second can be set beside the gateway's of the same run.  Sockets block
 * while sending: a full one is waited for, which costs no CPU time.
 */
#define _GNU_SOURCE /* accept4, memmem */
#include "util.h"
#include "wsframe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512
#define REQUEST_SIZE 8192
#define FRAME_MAX 65536

static const char *const usage_text =
	"usage: sendloop --listen 127.0.0.1:PORT --connections N --events M [option ...]\n"
	"  --rate R    events a second; 0 = as fast as it goes (0)\n"
	"  --bytes B   of a frame, header included (300)\n"
	"  --join J    events sent together (1)\n"
	"  --channel C name in the frames (tenant:bench)\n"
	"  --table     a line for people instead of JSON\n";

static const char upgrade_answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
									 "Upgrade: websocket\r\nConnection: Upgrade\r\n"
									 "Sec-WebSocket-Accept: " WS_SAMPLE_ACCEPT "\r\n"
									 "Sec-WebSocket-Protocol: wrk.v1\r\n\r\n";

/* The command line. */
typedef struct Options
{
	char host[64];
	uint16_t port;
	uint32_t connections;
	uint64_t events;
	uint64_t rate; /* events a second, 0 = as fast as it goes */
	size_t bytes;  /* of a frame, header included */
	uint64_t join; /* events sent together */
	const char *channel;
	bool table;
} Options;

/* One per client.  Owns the socket. */
typedef struct Client
{
	int fd;
	bool upgraded;
	bool subscribed;
	size_t length; /* of the request bytes read so far */
	uint8_t request[REQUEST_SIZE];
} Client;

static const struct option long_options[] = {
	{"listen", required_argument, NULL, 'l'},
	{"connections", required_argument, NULL, 'n'},
	{"events", required_argument, NULL, 'm'},
	{"rate", required_argument, NULL, 'r'},
	{"bytes", required_argument, NULL, 'B'},
	{"join", required_argument, NULL, 'j'},
	{"channel", required_argument, NULL, 'C'},
	{"table", no_argument, NULL, 'b'},
	{NULL, 0, NULL, 0},
};


/* Take one option of the command line. */
static void
take_option(Options *options, int option)
{
	switch (option)
	{
		case 'l':
			parse_host_port(optarg, options->host, sizeof(options->host), &options->port);
			break;
		case 'n':
			options->connections =
				(uint32_t) parse_number("--connections", optarg, 1, 100000);
			break;
		case 'm':
			options->events = parse_number("--events", optarg, 1, 1u << 30);
			break;
		case 'r':
			options->rate = parse_number("--rate", optarg, 0, 1000000);
			break;
		case 'B':
			options->bytes = (size_t) parse_number("--bytes", optarg, 256, FRAME_MAX / 2);
			break;
		case 'j':
			options->join = parse_number("--join", optarg, 1, 10000);
			break;
		case 'C':
			options->channel = optarg;
			break;
		case 'b':
			options->table = true;
			break;
		default:
			fatal("%s", usage_text);
	}
}

/* Open the listening socket. */
static int
listen_on(const Options *options)
{
	const int one = 1;
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_port = htons(options->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, options->host, &address.sin_addr) != 1)
		fatal("\"%s\" is not an IPv4 address", options->host);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(fd, BACKLOG) != 0)
		fatal("cannot listen on %s:%u: %s", options->host, options->port,
			  strerror(errno));
	return fd;
}

/* Send all of it, waiting while the socket is full. */
static void
send_all(int fd, const uint8_t *bytes, size_t length)
{
	while (length > 0 && !stop_requested)
	{
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			fatal("send: %s", strerror(errno));
		bytes += sent;
		length -= (size_t) sent;
	}
}

/* Send a text frame of the handshake. */
static void
answer(const Client *client, const char *payload)
{
	uint8_t bytes[512];
	size_t length = strlen(payload);
	size_t header = ws_header_build(bytes, WS_TEXT, false, length);

	memcpy(bytes + header, payload, length);
	send_all(client->fd, bytes, header + length);
}

/* One frame of the client. */
static void
take_frame(Client *client, const uint8_t *payload, size_t length)
{
	if (memmem(payload, length, "\"connect\"", 9) != NULL)
		answer(client, "{\"type\":\"connected\",\"requestId\":\"1\",\"payload\":{}}");
	else if (memmem(payload, length, "\"subscribe\"", 11) != NULL)
	{
		answer(client, "{\"type\":\"subscribed\",\"requestId\":\"2\",\"payload\":{}}");
		client->subscribed = true;
	}
}

/* Take the first request or frame of what was read.  Returns its size, or 0. */
static size_t
take_request(Client *client)
{
	WsHeader header;
	size_t size;
	const uint8_t *end;

	if (!client->upgraded)
	{
		end = memmem(client->request, client->length, "\r\n\r\n", 4);
		if (end == NULL)
			return 0;
		send_all(client->fd, (const uint8_t *) upgrade_answer,
				 sizeof(upgrade_answer) - 1);
		client->upgraded = true;
		return (size_t) (end - client->request) + 4;
	}
	size = ws_header_parse(client->request, client->length, &header);
	if (size == 0 || client->length - size < header.payload_length)
		return 0;
	ws_mask(client->request + size, (size_t) header.payload_length, header.mask);
	take_frame(client, client->request + size, (size_t) header.payload_length);
	return size + (size_t) header.payload_length;
}

/* Read what the client sends.  Returns whether it is subscribed by now. */
static bool
client_read(Client *client)
{
	ssize_t got = recv(client->fd, client->request + client->length,
					   sizeof(client->request) - client->length, MSG_DONTWAIT);
	size_t used;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return client->subscribed;
	if (got <= 0)
		fatal("a client left, or sent too much, before it was subscribed");
	client->length += (size_t) got;
	while ((used = take_request(client)) > 0)
	{
		client->length -= used;
		memmove(client->request, client->request + used, client->length);
	}
	return client->subscribed;
}

/* Ask epoll for a socket; events come with its owner, NULL for the listener. */
static void
watch(int epoll_fd, int fd, void *owner)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		fatal("epoll_ctl: %s", strerror(errno));
}

/* Take the next connection into an unused client. */
static void
client_accept(Client *client, int listen_fd, int epoll_fd)
{
	const int one = 1;

	client->fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (client->fd < 0)
		fatal("accept: %s", strerror(errno));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(epoll_fd, client->fd, client);
}

/* Accept and serve until every client is subscribed. */
static void
gather(const Options *options, Client *clients, int listen_fd)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	uint32_t accepted = 0;
	uint32_t subscribed = 0;

	if (epoll_fd < 0)
		fatal("epoll_create1: %s", strerror(errno));
	watch(epoll_fd, listen_fd, NULL);
	while (subscribed < options->connections && !stop_requested)
	{
		struct epoll_event event;

		if (epoll_wait(epoll_fd, &event, 1, 30000) == 0)
			fatal("only %u of %u clients came", subscribed, options->connections);
		if (stop_requested)
			break;
		if (event.data.ptr == NULL && accepted < options->connections)
			client_accept(&clients[accepted++], listen_fd, epoll_fd);
		else if (event.data.ptr != NULL)
		{
			Client *client = event.data.ptr;
			bool before = client->subscribed;

			subscribed += !before && client_read(client);
		}
	}
	close(epoll_fd);
}

/* Lay out the frame of one event, of exactly options->bytes bytes. */
static void
build_frame(const Options *options, uint64_t seq, uint8_t *bytes)
{
	size_t header = ws_header_build(bytes, WS_TEXT, false, options->bytes - 4);
	size_t payload = options->bytes - header;
	char *text = (char *) bytes + header;
	int head = snprintf(text, payload,
						"{\"type\":\"bench.tick\",\"channel\":\"%s\",\"id\":\"%llu\","
						"\"payload\":{\"seq\": %llu, \"t_us\": %llu, \"padding\": \"",
						options->channel, (unsigned long long) seq + 1,
						(unsigned long long) seq, (unsigned long long) clock_real_us());

	if (head < 0 || (size_t) head + 3 > payload)
		fatal("%zu bytes are too few for an event", options->bytes);
	memset(text + head, 'x', payload - (size_t) head - 3);
	memcpy(text + payload - 3, "\"}}", 3);
}

/* Send all events to all clients.  Returns the seconds it took. */
static double
send_events(const Options *options, const Client *clients)
{
	uint8_t *batch = xmalloc(options->bytes * options->join);
	uint64_t start = clock_mono_us();
	uint64_t seq = 0;

	while (seq < options->events && !stop_requested)
	{
		uint64_t left = options->events - seq;
		uint64_t joined = options->join < left ? options->join : left;

		if (options->rate > 0)
			sleep_until_mono_us(start + (seq + joined - 1) * 1000000 / options->rate);
		for (uint64_t i = 0; i < joined; i++)
			build_frame(options, seq + i, batch + i * options->bytes);
		for (uint32_t i = 0; i < options->connections; i++)
			send_all(clients[i].fd, batch, joined * options->bytes);
		seq += joined;
	}
	free(batch);
	return (double) (clock_mono_us() - start) / 1e6;
}

/* Wait, not for ever, until every client has left; then close. */
static void
wait_for_end(const Options *options, Client *clients)
{
	uint64_t end = clock_mono_us() + 30000000;

	for (uint32_t i = 0; i < options->connections; i++)
	{
		struct pollfd poll_fd = {.fd = clients[i].fd, .events = POLLIN};

		while (!stop_requested && clock_mono_us() < end && poll(&poll_fd, 1, 100) == 0)
			;
		if (clients[i].fd > 0)
			close(clients[i].fd);
	}
}

/* Say what was sent in how much time, on the wall and of the CPU. */
static void
report(const Options *options, double seconds, double cpu)
{
	double frames = (double) options->events * options->connections;

	printf(options->table
			   ? "bare loop, %llu joined: %.0f frames of %zu bytes in %.3f s, %.0f "
				 "frames/s; %.3f CPU s, %.0f frames/CPU s\n"
			   : "{\"report\":\"bare\",\"join\":%llu,\"frames\":%.0f,\"bytes\":%zu,"
				 "\"seconds\":%.4f,\"frames_per_s\":%.0f,\"cpu_s\":%.4f,"
				 "\"frames_per_cpu_s\":%.0f}\n",
		   (unsigned long long) options->join, frames, options->bytes, seconds,
		   frames / seconds, cpu, frames / cpu);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	Options options = {.bytes = 300, .join = 1, .channel = "tenant:bench"};
	Client *clients;
	double cpu;
	double seconds;
	int listen_fd;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(&options, option);
	if (optind != argc || options.port == 0 || options.connections == 0 ||
		options.events == 0)
		fatal("%s", usage_text);
	install_stop_signals();
	raise_open_files(options.connections + 64);
	clients = xcalloc(options.connections, sizeof(*clients));
	listen_fd = listen_on(&options);
	gather(&options, clients, listen_fd);
	cpu = own_cpu_s();
	seconds = send_events(&options, clients);
	if (!stop_requested)
		report(&options, seconds, own_cpu_s() - cpu);
	wait_for_end(&options, clients);
	close(listen_fd);
	free(clients);
	return stop_requested ? EXIT_FAILURE : EXIT_SUCCESS;
}
