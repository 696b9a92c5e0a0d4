package host

// confinement is what a child gives up before it loads the module.
type confinement struct {
	allowInternet bool
}
