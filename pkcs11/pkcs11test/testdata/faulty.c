/*
 * A PKCS#11 module for tests: another module with faults on top. It loads the
 * module that CARDEA_TEST_MODULE names and passes everything on to it, but has
 * the faults that are files in the folder CARDEA_TEST_FAULTS. See faulty.go,
 * which writes them, for what each one does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef ulong_t rv_t;

enum {
	OK = 0, FUNCTION_CANCELED = 0x50,
	CONTEXT_SPECIFIC = 2, VALUE = 0x11, ALWAYS_AUTHENTICATE = 0x202,
	COUNT_LOW = 0x10000, FINAL_TRY = 0x20000, LOCKED = 0x40000, KEYPAD = 0x100,
};

/* The places of functions in CK_FUNCTION_LIST. */
enum {
	INITIALIZE = 0, FINALIZE = 1, GET_SLOT_LIST = 4, GET_TOKEN_INFO = 6, LOGIN = 18, LOGOUT = 19,
	GET_ATTRIBUTE_VALUE = 24, SIGN = 43, FUNCTIONS = 68,
};

struct functions {
	unsigned char version[2];
	void *f[FUNCTIONS];
};

struct attribute {
	ulong_t type;
	void *value;
	ulong_t length;
};

/* The beginning of CK_TOKEN_INFO. */
struct token {
	char label[32], manufacturer[32], model[16], serial[16];
	ulong_t flags;
};

static struct functions *real, faulty;

static FILE *in_folder(const char *name, const char *mode)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("CARDEA_TEST_FAULTS"), name);
	return fopen(path, mode);
}

static void note(const char *text)
{
	FILE *f = in_folder("notes", "a");
	if (f) {
		fprintf(f, "%d %s\n", (int)getpid(), text);
		fclose(f);
	}
}

/*
 * has says whether a fault is to be had now. Its file has a value, and which
 * occasion it is for: 0 for all, and otherwise it is counted down.
 */
static int has(const char *name, ulong_t *value)
{
	char path[4096];
	ulong_t number = 0, left = 0;
	FILE *f = in_folder(name, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &number, &left) != 2)
		abort();
	fclose(f);
	if (left > 1) {
		f = in_folder(name, "w");
		fprintf(f, "%lu %lu", number, left - 1);
		fclose(f);
		return 0;
	}
	if (left == 1) {
		snprintf(path, sizeof path, "%s/%s", getenv("CARDEA_TEST_FAULTS"), name);
		unlink(path);
	}
	if (value)
		*value = number;
	return 1;
}

static void crash(void) { *(volatile int *)8 = 1; }

static void hang(void)
{
	for (;;)
		pause();
}

/* any has the faults that every function can have. */
static void any(const char *function)
{
	char name[64];
	note(function);
	snprintf(name, sizeof name, "%s crashes", function);
	if (has(name, NULL))
		crash();
	snprintf(name, sizeof name, "%s aborts", function);
	if (has(name, NULL))
		abort();
	snprintf(name, sizeof name, "%s exits", function);
	if (has(name, NULL))
		_exit(0);
	snprintf(name, sizeof name, "%s hangs", function);
	if (has(name, NULL)) {
		note(name);
		hang();
	}
}

static void *spin(void *unused)
{
	for (volatile ulong_t i = 0;; i++)
		if (i % 1000000 == 0)
			usleep(1000);
	return unused;
}

static void sockets(void)
{
	char text[128];
	int family[] = { AF_INET, AF_INET6, AF_PACKET, AF_UNIX };
	for (int i = 0; i < 4; i++) {
		int s = socket(family[i], family[i] == AF_PACKET ? SOCK_RAW : SOCK_STREAM, 0);
		snprintf(text, sizeof text, "socket %d: %s", family[i], s < 0 ? strerror(errno) : "open");
		note(text);
		if (s >= 0)
			close(s);
	}
}

static void print(void)
{
	for (int i = 0; i < 20000; i++)
		printf("a module that says what it does, again and again\n");
	fflush(stdout);
	if (write(1, "\0\0\0\5\4byeX", 10) < 0)
		note("cannot print");
	if (getchar() != EOF)
		note("took a byte of the parent's");
}

static rv_t initialize(void *args)
{
	pthread_t thread;
	any("C_Initialize");
	if (has("prints", NULL))
		print();
	if (has("starts threads", NULL))
		for (int i = 0; i < 8; i++)
			pthread_create(&thread, NULL, spin, NULL);
	if (has("opens sockets", NULL))
		sockets();
	if (has("starts a process", NULL) && fork() == 0) {
		char text[64];
		snprintf(text, sizeof text, "process %d", getpid());
		note(text);
		alarm(60);
		hang();
	}
	return ((rv_t(*)(void *))real->f[INITIALIZE])(args);
}

static rv_t finalize(void *reserved)
{
	any("C_Finalize");
	return ((rv_t(*)(void *))real->f[FINALIZE])(reserved);
}

static rv_t get_slot_list(unsigned char present, ulong_t *list, ulong_t *count)
{
	rv_t rv = ((rv_t(*)(unsigned char, ulong_t *, ulong_t *))real->f[GET_SLOT_LIST])(present, list, count);
	has("slot count", count);
	return rv;
}

static rv_t get_token_info(ulong_t slot, struct token *info)
{
	any("C_GetTokenInfo");
	rv_t rv = ((rv_t(*)(ulong_t, struct token *))real->f[GET_TOKEN_INFO])(slot, info);
	if (has("tells an old token", NULL)) {
		memcpy(info->label, "the card before                 ", 32);
		memcpy(info->serial, "0000000000000001", 16);
	}
	info->flags &= ~(ulong_t)(COUNT_LOW | FINAL_TRY | LOCKED);
	if (has("low", NULL))
		info->flags |= COUNT_LOW;
	if (has("final", NULL))
		info->flags |= FINAL_TRY;
	if (has("locked", NULL))
		info->flags |= LOCKED;
	if (has("keypad", NULL))
		info->flags |= KEYPAD;
	return rv;
}

/* keyed waits for what a person does on the keypad, and then has their PIN. */
static char *keyed(char *pin, ulong_t *length)
{
	for (;; usleep(2000)) {
		FILE *f = in_folder("keyed", "r");
		if (!f)
			continue;
		if (!fgets(pin, 64, f))
			pin[0] = 0;
		fclose(f);
		*length = strlen(pin);
		return *length ? pin : NULL;
	}
}

static rv_t login(ulong_t session, ulong_t user, char *pin, ulong_t length)
{
	char typed[64];
	ulong_t rv;
	if (user == CONTEXT_SPECIFIC)
		note("for one signature");
	any("C_Login");
	if (has("prints the PIN", NULL)) {
		fprintf(stderr, "C_Login(%.*s)\n", (int)length, pin);
		printf("C_Login(%.*s)\n", (int)length, pin);
		fflush(stdout);
	}
	if (has("login result", &rv))
		return rv;
	if (!pin) {
		note("the keypad is awaited");
		pin = keyed(typed, &length);
		if (!pin)
			return FUNCTION_CANCELED;
	}
	return ((rv_t(*)(ulong_t, ulong_t, char *, ulong_t))real->f[LOGIN])(session, user, pin, length);
}

static rv_t logout(ulong_t session)
{
	any("C_Logout");
	return ((rv_t(*)(ulong_t))real->f[LOGOUT])(session);
}

static rv_t get_attribute_value(ulong_t session, ulong_t object, struct attribute *a, ulong_t count)
{
	rv_t rv = ((rv_t(*)(ulong_t, ulong_t, struct attribute *, ulong_t))real->f[GET_ATTRIBUTE_VALUE])(session, object, a, count);
	if (a->type == VALUE)
		has("certificate length", &a->length);
	if (a->type == ALWAYS_AUTHENTICATE && a->value && has("hides that a key insists", NULL))
		*(unsigned char *)a->value = 0;
	return rv;
}

static rv_t sign(ulong_t session, void *data, ulong_t size, void *signature, ulong_t *length)
{
	ulong_t rv;
	if (signature) {
		any("C_Sign");
		if (has("sign result", &rv))
			return rv;
	}
	rv = ((rv_t(*)(ulong_t, void *, ulong_t, void *, ulong_t *))real->f[SIGN])(session, data, size, signature, length);
	if (signature)
		has("signature length", length);
	return rv;
}

rv_t C_GetFunctionList(struct functions **list)
{
	*list = &faulty;
	return OK;
}

__attribute__((constructor)) static void load(void)
{
	if (!getenv("CARDEA_TEST_FAULTS"))
		return;
	any("load");
	void *module = dlopen(getenv("CARDEA_TEST_MODULE"), RTLD_NOW | RTLD_LOCAL);
	rv_t (*get)(struct functions **) = module ? dlsym(module, "C_GetFunctionList") : NULL;
	if (!get || get(&real) != OK)
		return;
	faulty = *real;
	faulty.f[INITIALIZE] = initialize;
	faulty.f[FINALIZE] = finalize;
	faulty.f[GET_SLOT_LIST] = get_slot_list;
	faulty.f[GET_TOKEN_INFO] = get_token_info;
	faulty.f[LOGIN] = login;
	faulty.f[LOGOUT] = logout;
	faulty.f[GET_ATTRIBUTE_VALUE] = get_attribute_value;
	faulty.f[SIGN] = sign;
}
