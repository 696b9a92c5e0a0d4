package pkcs11

import "fmt"

// Code is a return value of a module (CK_RV).
type Code uint

// The codes that are named in code. All others are in the table below.
const (
	attributeSensitive   Code = 0x011
	attributeTypeInvalid Code = 0x012
	mechanismInvalid     Code = 0x070
	tokenNotPresent      Code = 0x0E0
	tokenNotRecognized   Code = 0x0E1
	alreadyLoggedIn      Code = 0x100
	notLoggedIn          Code = 0x101
	bufferTooSmall       Code = 0x150
)

// Error names the code as the field does: "CKR_PIN_INCORRECT (0xA0)".
func (c Code) Error() string {
	name := codes[c].name
	switch {
	case name != "":
	case c&vendorDefined != 0:
		name = "a code of the vendor's own"
	default:
		name = "unknown CKR code"
	}
	return fmt.Sprintf("%s (%#X)", name, uint(c))
}

// vendorDefined is CKR_VENDOR_DEFINED.
const vendorDefined Code = 0x80000000

// Kind is what a person can do about the code, one of the Err values of this
// package. A code that no table names is ErrFailed.
func (c Code) Kind() error {
	if kind := codes[c].kind; kind != nil {
		return kind
	}
	return ErrFailed
}

// codes is the one place where return codes get their meaning. The names and
// numbers are those of pkcs11t.h, OASIS PKCS#11 2.40 with the additions of 3.0.
var codes = map[Code]struct {
	name string
	kind error
}{
	0x000: {"CKR_OK", nil},
	0x001: {"CKR_CANCEL", ErrCancelled},
	0x002: {"CKR_HOST_MEMORY", ErrFailed},
	0x003: {"CKR_SLOT_ID_INVALID", ErrTokenGone},
	0x005: {"CKR_GENERAL_ERROR", ErrFailed},
	0x006: {"CKR_FUNCTION_FAILED", ErrFailed},
	0x007: {"CKR_ARGUMENTS_BAD", ErrFailed},
	0x008: {"CKR_NO_EVENT", ErrFailed},
	0x009: {"CKR_NEED_TO_CREATE_THREADS", ErrFailed},
	0x00A: {"CKR_CANT_LOCK", ErrFailed},
	0x010: {"CKR_ATTRIBUTE_READ_ONLY", ErrFailed},
	0x011: {"CKR_ATTRIBUTE_SENSITIVE", ErrFailed},
	0x012: {"CKR_ATTRIBUTE_TYPE_INVALID", ErrFailed},
	0x013: {"CKR_ATTRIBUTE_VALUE_INVALID", ErrFailed},
	0x01B: {"CKR_ACTION_PROHIBITED", ErrMechanism},
	0x020: {"CKR_DATA_INVALID", ErrMechanism},
	0x021: {"CKR_DATA_LEN_RANGE", ErrMechanism},
	0x030: {"CKR_DEVICE_ERROR", ErrFailed},
	0x031: {"CKR_DEVICE_MEMORY", ErrFailed},
	0x032: {"CKR_DEVICE_REMOVED", ErrTokenGone},
	0x040: {"CKR_ENCRYPTED_DATA_INVALID", ErrFailed},
	0x041: {"CKR_ENCRYPTED_DATA_LEN_RANGE", ErrFailed},
	0x050: {"CKR_FUNCTION_CANCELED", ErrCancelled},
	0x051: {"CKR_FUNCTION_NOT_PARALLEL", ErrFailed},
	0x054: {"CKR_FUNCTION_NOT_SUPPORTED", ErrFailed},
	0x060: {"CKR_KEY_HANDLE_INVALID", ErrKeyGone},
	0x062: {"CKR_KEY_SIZE_RANGE", ErrMechanism},
	0x063: {"CKR_KEY_TYPE_INCONSISTENT", ErrMechanism},
	0x064: {"CKR_KEY_NOT_NEEDED", ErrFailed},
	0x065: {"CKR_KEY_CHANGED", ErrKeyGone},
	0x066: {"CKR_KEY_NEEDED", ErrFailed},
	0x067: {"CKR_KEY_INDIGESTIBLE", ErrFailed},
	0x068: {"CKR_KEY_FUNCTION_NOT_PERMITTED", ErrMechanism},
	0x069: {"CKR_KEY_NOT_WRAPPABLE", ErrFailed},
	0x06A: {"CKR_KEY_UNEXTRACTABLE", ErrFailed},
	0x070: {"CKR_MECHANISM_INVALID", ErrMechanism},
	0x071: {"CKR_MECHANISM_PARAM_INVALID", ErrMechanism},
	0x082: {"CKR_OBJECT_HANDLE_INVALID", ErrTokenGone},
	0x090: {"CKR_OPERATION_ACTIVE", ErrFailed},
	0x091: {"CKR_OPERATION_NOT_INITIALIZED", ErrFailed},
	0x0A0: {"CKR_PIN_INCORRECT", ErrPINIncorrect},
	0x0A1: {"CKR_PIN_INVALID", ErrPINForm},
	0x0A2: {"CKR_PIN_LEN_RANGE", ErrPINForm},
	0x0A3: {"CKR_PIN_EXPIRED", ErrPINNotSet},
	0x0A4: {"CKR_PIN_LOCKED", ErrPINLocked},
	0x0B0: {"CKR_SESSION_CLOSED", ErrTokenGone},
	0x0B1: {"CKR_SESSION_COUNT", ErrFailed},
	0x0B3: {"CKR_SESSION_HANDLE_INVALID", ErrTokenGone},
	0x0B4: {"CKR_SESSION_PARALLEL_NOT_SUPPORTED", ErrFailed},
	0x0B5: {"CKR_SESSION_READ_ONLY", ErrFailed},
	0x0B6: {"CKR_SESSION_EXISTS", ErrFailed},
	0x0B7: {"CKR_SESSION_READ_ONLY_EXISTS", ErrFailed},
	0x0B8: {"CKR_SESSION_READ_WRITE_SO_EXISTS", ErrFailed},
	0x0C0: {"CKR_SIGNATURE_INVALID", ErrFailed},
	0x0C1: {"CKR_SIGNATURE_LEN_RANGE", ErrFailed},
	0x0D0: {"CKR_TEMPLATE_INCOMPLETE", ErrFailed},
	0x0D1: {"CKR_TEMPLATE_INCONSISTENT", ErrFailed},
	0x0E0: {"CKR_TOKEN_NOT_PRESENT", ErrTokenGone},
	0x0E1: {"CKR_TOKEN_NOT_RECOGNIZED", ErrTokenGone},
	0x0E2: {"CKR_TOKEN_WRITE_PROTECTED", ErrFailed},
	0x0F0: {"CKR_UNWRAPPING_KEY_HANDLE_INVALID", ErrFailed},
	0x0F1: {"CKR_UNWRAPPING_KEY_SIZE_RANGE", ErrFailed},
	0x0F2: {"CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT", ErrFailed},
	0x100: {"CKR_USER_ALREADY_LOGGED_IN", ErrFailed},
	0x101: {"CKR_USER_NOT_LOGGED_IN", ErrFailed},
	0x102: {"CKR_USER_PIN_NOT_INITIALIZED", ErrPINNotSet},
	0x103: {"CKR_USER_TYPE_INVALID", ErrFailed},
	0x104: {"CKR_USER_ANOTHER_ALREADY_LOGGED_IN", ErrFailed},
	0x105: {"CKR_USER_TOO_MANY_TYPES", ErrFailed},
	0x110: {"CKR_WRAPPED_KEY_INVALID", ErrFailed},
	0x112: {"CKR_WRAPPED_KEY_LEN_RANGE", ErrFailed},
	0x113: {"CKR_WRAPPING_KEY_HANDLE_INVALID", ErrFailed},
	0x114: {"CKR_WRAPPING_KEY_SIZE_RANGE", ErrFailed},
	0x115: {"CKR_WRAPPING_KEY_TYPE_INCONSISTENT", ErrFailed},
	0x120: {"CKR_RANDOM_SEED_NOT_SUPPORTED", ErrFailed},
	0x121: {"CKR_RANDOM_NO_RNG", ErrFailed},
	0x130: {"CKR_DOMAIN_PARAMS_INVALID", ErrFailed},
	0x140: {"CKR_CURVE_NOT_SUPPORTED", ErrMechanism},
	0x150: {"CKR_BUFFER_TOO_SMALL", ErrFailed},
	0x160: {"CKR_SAVED_STATE_INVALID", ErrFailed},
	0x170: {"CKR_INFORMATION_SENSITIVE", ErrFailed},
	0x180: {"CKR_STATE_UNSAVEABLE", ErrFailed},
	0x190: {"CKR_CRYPTOKI_NOT_INITIALIZED", ErrFailed},
	0x191: {"CKR_CRYPTOKI_ALREADY_INITIALIZED", ErrFailed},
	0x1A0: {"CKR_MUTEX_BAD", ErrFailed},
	0x1A1: {"CKR_MUTEX_NOT_LOCKED", ErrFailed},
	0x1B0: {"CKR_NEW_PIN_MODE", ErrPINNotSet},
	0x1B1: {"CKR_NEXT_OTP", ErrFailed},
	0x1B5: {"CKR_EXCEEDED_MAX_ITERATIONS", ErrFailed},
	0x1B6: {"CKR_FIPS_SELF_TEST_FAILED", ErrFailed},
	0x1B7: {"CKR_LIBRARY_LOAD_FAILED", ErrFailed},
	0x1B8: {"CKR_PIN_TOO_WEAK", ErrFailed},
	0x1B9: {"CKR_PUBLIC_KEY_INVALID", ErrFailed},
	0x200: {"CKR_FUNCTION_REJECTED", ErrCancelled},
	0x201: {"CKR_TOKEN_RESOURCE_EXCEEDED", ErrFailed},
	0x202: {"CKR_OPERATION_CANCEL_FAILED", ErrFailed},
}
