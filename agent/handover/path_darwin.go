package handover

// DefaultPath is where the broker's socket is: in a folder that only root can
// have made.
const DefaultPath = "/var/run/cardea/broker.sock"
