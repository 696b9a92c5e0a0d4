//go:build linux

package e2e

// laterPoints are the moments after a sign-in.
var laterPoints = []point{
	{
		name:  "while locked",
		reach: (*trial).lock,
		killed: func(f *trial) {
			f.insert()
			signsOut(f)
		},
	},
	{
		name:   "while locked and the card is read",
		inside: true,
		reach: func(f *trial) {
			f.lock()
			f.atCommand(reading)
			f.insert()
			f.await(f.held, "the card")
		},
		pulled: locks,
		killed: signsOut,
	},
	{
		name:   "while a PIN is asked to carry on",
		reach:  (*trial).resumes,
		pulled: locks,
		killed: signsOut,
	},
	{
		name:   "while the card signs to carry on",
		inside: true,
		reach:  func(f *trial) { f.resumes(); f.holdAt(signs) },
		pulled: locks,
		killed: signsOut,
	},
	{
		name:  "while the site checks who carries on",
		reach: func(f *trial) { f.resumes(); f.holdSite("/resume") },
		pulled: func(f *trial) {
			f.stands("putBack")
			f.held.resume()
			f.siteAnswered()
			locks(f)
		},
		killed: func(f *trial) {
			f.stands("lost")
			f.held.resume()
			f.siteAnswered()
			signsOut(f)
		},
	},
	{
		name:   "while a PIN is asked to register a card",
		reach:  (*trial).registers,
		pulled: goesOn("/registered"),
		killed: registersAgain,
	},
	{
		name:   "while the card signs to be registered",
		inside: true,
		reach:  func(f *trial) { f.registers(); f.holdAt(signs) },
		pulled: goesOn("/registered"),
		killed: registersAgain,
	},
	{
		name:  "while the site registers the card",
		reach: func(f *trial) { f.registers(); f.holdSite("/register/finish") },
		pulled: func(f *trial) {
			f.finds("cardReadable", "unknown")
			f.held.resume()
			f.at("/registered")
			locks(f)
		},
		killed: func(f *trial) { // it is registered all the same
			f.finds("agentFound", "missing")
			f.held.resume()
			f.at("/registered")
			signsOut(f)
		},
	},
	{
		name: "while a PIN is asked to confirm who it is",
		reach: func(f *trial) {
			f.ready()
			f.signsIn()
			f.goTo(origin(listedName, f.site) + "/confirm")
			f.stands("present")
			f.press("confirm")
			f.askedPIN()
		},
		pulled: locks,
		killed: signsOut,
	},
}

// lock signs in and takes the card out.
func (f *trial) lock() {
	f.t.Helper()
	f.ready()
	f.signsIn()
	f.stands("present")
	f.desk.readers[0].Remove()
	f.desk.awaitReader(f.t, 0, false)
	f.stands("putBack")
}

// resumes goes as far as the PIN window of a page that was locked.
func (f *trial) resumes() {
	f.t.Helper()
	f.lock()
	f.insert()
	f.askedPIN()
}

// siteAnswered waits until the locked page has heard the site's answer.
func (f *trial) siteAnswered() {
	f.t.Helper()
	until(f.t, "the page is at work no more", func() bool {
		return get[bool](f.page, `document.getElementById("resume").getAttribute("aria-disabled") === "false"`)
	}, f.show)
}

// registers goes as far as the PIN window of a registration.
func (f *trial) registers() {
	f.t.Helper()
	f.card = f.unregistered("Anna Example")
	f.thirdStep("Anna Example", "Blue card")
	f.insert()
	f.finds("cardReadable", "met")
	f.press("register-card")
	f.askedPIN()
}

// registersAgain: the registration is where it was, and goes on with a click.
func registersAgain(f *trial) {
	f.t.Helper()
	f.fails("agentLost", "Wait a moment and try again.")
	f.finds("agentFound", "missing")
	f.starts()
	f.finds("agentFound", "met")
	f.finds("cardReadable", "met")
	f.press("register-card")
	f.enterPIN()
	f.at("/registered")
}
