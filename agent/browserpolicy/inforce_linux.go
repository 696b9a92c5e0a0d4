package browserpolicy

// SystemInForce says what a browser of this computer goes by.
func SystemInForce(b Browser) (InForce, error) { return LinuxInForce("", b) }
