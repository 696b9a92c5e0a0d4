/*
 * A driver whose readers have a keypad: vpcd's, with the one command of PC/SC
 * part 10 that has the reader ask for a PIN, FEATURE_VERIFY_PIN_DIRECT. Built
 * with DRIVER, the path of vpcd's driver, and KEYED, that of a file that appears
 * when somebody has typed. An empty one is the key that cancels.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ifdhandler.h>
#include <reader.h>

#define VERIFY SCARD_CTL_CODE(3506)

static void *real(const char *name)
{
	static void *driver;
	void *function;
	if (!driver && !(driver = dlopen(DRIVER, RTLD_NOW | RTLD_LOCAL)))
		abort();
	if (!(function = dlsym(driver, name)))
		abort();
	return function;
}

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR name)
{
	return ((RESPONSECODE(*)(DWORD, LPSTR))real(__func__))(lun, name);
}

RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel)
{
	return ((RESPONSECODE(*)(DWORD, DWORD))real(__func__))(lun, channel);
}

RESPONSECODE IFDHCloseChannel(DWORD lun)
{
	return ((RESPONSECODE(*)(DWORD))real(__func__))(lun);
}

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value)
{
	return ((RESPONSECODE(*)(DWORD, DWORD, PDWORD, PUCHAR))real(__func__))(lun, tag, length, value);
}

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value)
{
	return ((RESPONSECODE(*)(DWORD, DWORD, DWORD, PUCHAR))real(__func__))(lun, tag, length, value);
}

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3)
{
	return ((RESPONSECODE(*)(DWORD, DWORD, UCHAR, UCHAR, UCHAR, UCHAR))real(__func__))(lun, protocol, flags, pts1, pts2, pts3);
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD length)
{
	return ((RESPONSECODE(*)(DWORD, DWORD, PUCHAR, PDWORD))real(__func__))(lun, action, atr, length);
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send, PUCHAR command, DWORD size, PUCHAR answer, PDWORD length, PSCARD_IO_HEADER receive)
{
	return ((RESPONSECODE(*)(DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD, PSCARD_IO_HEADER))real(__func__))(lun, send, command, size, answer, length, receive);
}

RESPONSECODE IFDHICCPresence(DWORD lun)
{
	return ((RESPONSECODE(*)(DWORD))real(__func__))(lun);
}

/* typed waits for what is typed, as long as the program lets it. */
static int typed(char *pin, size_t room, int seconds)
{
	for (int i = 0; i < seconds * 200; i++) {
		FILE *f = fopen(KEYED, "r");
		if (f) {
			size_t n = fread(pin, 1, room, f);
			fclose(f);
			unlink(KEYED);
			return (int)n;
		}
		usleep(5000);
	}
	return -1;
}

/* verify asks for a PIN and puts it into the command that the program made. */
static RESPONSECODE verify(DWORD lun, const PIN_VERIFY_STRUCTURE *v, DWORD size, PUCHAR answer, DWORD room, PDWORD length)
{
	SCARD_IO_HEADER header = {1, 0};
	UCHAR command[5 + 255];
	char pin[16];
	DWORD n = v->ulDataLength;
	int digits;
	if (size < sizeof *v || n < 5 || n > sizeof command || size < sizeof *v + n || n - 5 < sizeof pin / 2)
		return IFD_COMMUNICATION_ERROR;
	memcpy(command, v->abData, n);
	digits = typed(pin, n - 5 < sizeof pin ? n - 5 : sizeof pin, v->bTimerOut ? v->bTimerOut : 30);
	*length = room;
	if (digits <= 0) {
		answer[0] = 0x64;
		answer[1] = digits == 0; /* 6401 cancelled, 6400 took too long */
		*length = 2;
		return IFD_SUCCESS;
	}
	memcpy(command + 5, pin, (size_t)digits);
	return IFDHTransmitToICC(lun, header, command, n, answer, length, &header);
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR in, DWORD size, PUCHAR answer, DWORD room, LPDWORD length)
{
	PCSC_TLV_STRUCTURE feature = {FEATURE_VERIFY_PIN_DIRECT, 4, htonl(VERIFY)};
	*length = 0;
	if (code == CM_IOCTL_GET_FEATURE_REQUEST && room >= sizeof feature) {
		memcpy(answer, &feature, sizeof feature);
		*length = sizeof feature;
		return IFD_SUCCESS;
	}
	if (code == VERIFY)
		return verify(lun, (const PIN_VERIFY_STRUCTURE *)in, size, answer, room, length);
	return IFD_ERROR_NOT_SUPPORTED;
}
