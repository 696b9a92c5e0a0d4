// Package winservice is what Cardea's services of Windows have in common: their
// log, and giving privileges up. On other systems there is nothing in it.
//
// It never starts, stops or installs a service: the system's manager and the
// installer do. It is tested under Wine.
package winservice
