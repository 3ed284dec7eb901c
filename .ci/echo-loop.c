/*
 * The least that an echo costs on this machine: one raw socket, sendmmsg and
 * recvmmsg in batches, each reply matched by a number in its payload. Nothing
 * is judged, timed or kept. piket's sweep is held against it by bench-probes.
 *
 *   echo-loop TARGETS ROUNDS    asks 127.1.0.0 and up
 *
 * It prints the CPU time per echo in microseconds and how many were lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { BATCH = 64, ECHO_BYTES = 24, PACKET_BYTES = 128 };

static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_vector[BATCH], in_vector[BATCH];
static struct sockaddr_in to[BATCH], from[BATCH];
static unsigned char echo[BATCH][ECHO_BYTES], packet[BATCH][PACKET_BYTES];

static uint16_t checksum(const unsigned char *b, int n)
{
	uint32_t sum = 0;

	for (int i = 0; i < n; i += 2)
		sum += b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return htons(~sum);
}

static void connect_batches(void)
{
	for (int i = 0; i < BATCH; i++) {
		out_vector[i] = (struct iovec){echo[i], ECHO_BYTES};
		out[i].msg_hdr = (struct msghdr){.msg_name = &to[i], .msg_namelen = sizeof to[i], .msg_iov = &out_vector[i], .msg_iovlen = 1};
		to[i].sin_family = AF_INET;
		in_vector[i] = (struct iovec){packet[i], PACKET_BYTES};
		in[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &in_vector[i], .msg_iovlen = 1};
	}
}

static uint32_t address(uint32_t index) { return htonl((127u << 24 | 1u << 16) + index); }

static void send_batch(int fd, uint32_t first, int n)
{
	for (int i = 0; i < n; i++) {
		uint32_t index = first + i;
		to[i].sin_addr.s_addr = address(index);
		memset(echo[i], 0, ECHO_BYTES);
		echo[i][0] = ICMP_ECHO;
		memcpy(echo[i] + 8, &index, sizeof index);
		uint16_t sum = checksum(echo[i], ECHO_BYTES);
		memcpy(echo[i] + 2, &sum, sizeof sum);
	}
	for (int done = 0; done < n;) {
		int sent = sendmmsg(fd, out + done, n - done, 0);
		if (sent < 0) {
			perror("sendmmsg");
			exit(1);
		}
		done += sent;
	}
}

/* Returns how many of the replies are to echoes of this program. */
static uint32_t receive(int fd)
{
	uint32_t matched = 0;

	for (;;) {
		int n = recvmmsg(fd, in, BATCH, MSG_DONTWAIT, NULL);
		if (n <= 0)
			return matched;
		for (int i = 0; i < n; i++) {
			uint32_t index;
			memcpy(&index, packet[i] + sizeof(struct iphdr) + 8, sizeof index);
			if (in[i].msg_len >= sizeof(struct iphdr) + ECHO_BYTES && from[i].sin_addr.s_addr == address(index))
				matched++;
		}
		if (n < BATCH)
			return matched;
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: echo-loop TARGETS ROUNDS\n");
		return 2;
	}
	uint32_t targets = strtoul(argv[1], NULL, 10), rounds = strtoul(argv[2], NULL, 10), matched = 0;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	if (fd < 0) {
		perror("socket");
		return 1;
	}
	uint32_t keep_out = ~(1u << ICMP_ECHOREPLY);
	int buffer = 16 << 20;
	setsockopt(fd, SOL_RAW, 1 /* ICMP_FILTER */, &keep_out, sizeof keep_out);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
	connect_batches();
	double began = cpu_seconds();
	for (uint32_t round = 0; round < rounds; round++)
		for (uint32_t first = 0; first < targets; first += BATCH) {
			send_batch(fd, first, targets - first < BATCH ? targets - first : BATCH);
			matched += receive(fd);
		}
	printf("%.3f %u\n", (cpu_seconds() - began) * 1e6 / targets / rounds, targets * rounds - matched);
	return 0;
}
