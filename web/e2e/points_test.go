//go:build linux

package e2e

import "github.com/cardea-agent/cardea/pcsc/virtual"

// points are the moments of a sign-in, of a page that locks and resumes, of a
// registration, and of showing once more who one is.
var points = []point{
	{
		name:  "before the click",
		reach: (*trial).ready,
		pulled: func(f *trial) {
			f.reads("status", "Put your card in.")
			f.again()
			f.signsIn()
		},
		killed: func(f *trial) {
			f.reads("status", "The connection to Cardea was lost.")
			f.starts()
			f.signsIn()
		},
	},
	{
		name: "while the site makes a challenge",
		reach: func(f *trial) {
			f.ready()
			f.held = f.holdAnswer("/challenge")
			f.press("signin")
			f.await(f.held, "the site")
		},
		pulled: func(f *trial) {
			f.reads("status", "Put your card in.")
			f.held.resume()
			goesOn("/home")(f)
		},
		killed: func(f *trial) { // and back in time: nobody notices
			f.reads("status", "The connection to Cardea was lost.")
			f.startAgent()
			f.agentWrote("tray connected")
			f.reads("status", "Your card is ready.")
			f.held.resume()
			f.enterPIN()
			f.at("/home")
		},
	},
	{
		name: "while the card is awaited",
		reach: func(f *trial) {
			f.reads("status", "Put your card in.")
			f.press("signin")
			f.reads("progress", "Put your card in the reader.")
		},
		killed: func(f *trial) {
			f.fails("agentLost", "Wait a moment and try again.")
			f.starts()
			f.insert()
			f.signsIn()
		},
	},
	{
		name:   "while the card is read",
		inside: true,
		reach: func(f *trial) {
			f.reads("status", "Put your card in.")
			f.press("signin")
			f.reads("progress", "Put your card in the reader.")
			f.atCommand(reading)
			f.insert()
			f.await(f.held, "the card")
		},
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name:   "while the tries left are asked",
		inside: true,
		reach: func(f *trial) {
			f.ready()
			f.atCommand(tries)
			f.press("signin")
			f.await(f.held, "the card")
		},
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name: "while the PIN window opens",
		reach: func(f *trial) {
			f.ready()
			f.press("signin")
			f.trayWrote("window shown")
		},
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name:   "while a PIN is typed",
		inside: true,
		reach: func(f *trial) {
			f.asks()
			f.desk.write(f.t, "12")
		},
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name:   "after a wrong PIN",
		inside: true,
		reach: func(f *trial) {
			f.asks()
			f.typePIN(f.desk.wrong)
			f.askedPIN()
		},
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name:   "while the last try needs a yes",
		inside: true,
		reach: func(f *trial) {
			f.lastTry = true
			f.card = f.newCard("Robin Example", virtual.OneTryLeft)
			f.insert()
			f.reads("status", "One try is left")
			f.press("signin")
			f.askedPIN()
			f.desk.write(f.t, f.desk.canary)
			f.desk.keys(f.t, "shift+Tab", "space")
		},
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name:   "while one of two cards is chosen",
		inside: true,
		reach: func(f *trial) {
			f.desk.insert(f.t, 1, f.newCard("Sam Other"))
			f.ready()
			f.knowsCards(2)
			f.press("signin")
			f.askedPIN()
			f.reads("progress", "choose your card in it.")
		},
		pulled: func(f *trial) { // there is nothing left to choose
			f.reads("progress", "type your PIN there.")
			f.enterPIN()
			f.at("/home")
			f.reads("who", "Sam Other")
		},
		killed: func(f *trial) {
			f.fails("agentLost", "Wait a moment and try again.")
			f.desk.readers[1].Remove()
			f.starts()
			f.signsIn()
		},
	},
	{
		name:   "while the card checks the PIN",
		inside: true,
		reach:  func(f *trial) { f.asks(); f.holdAt(pinSent) },
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name:   "while the card signs",
		reach:  func(f *trial) { f.asks(); f.holdAt(signs) },
		pulled: goesOn("/home"),
		killed: failed,
	},
	{
		name:   "when the card has signed, before the page has the token",
		inside: true,
		reach:  func(f *trial) { f.asks(); f.holdAt(forgets) },
		pulled: func(f *trial) { // it has signed
			f.at("/home")
			locks(f)
		},
		killed: failed,
	},
	{
		name:  "while the site checks the token",
		reach: func(f *trial) { f.asks(); f.holdSite("/login") },
		pulled: func(f *trial) {
			f.reads("status", "Put your card in.")
			f.held.resume()
			f.at("/home")
			locks(f)
		},
		killed: func(f *trial) {
			f.reads("status", "The connection to Cardea was lost.")
			f.held.resume()
			f.at("/home")
			signsOut(f)
		},
	},
	{
		name:   "while signed in",
		reach:  func(f *trial) { f.ready(); f.signsIn(); f.stands("present") },
		pulled: locks,
		killed: signsOut,
	},
}
