package cardsim

// StateSteps are the physical steps of one write to a state file, in order; a test is told each before it is made.
func StateSteps() []string {
	return []string{"create", "write", "write", "sync", "rename", "sync folder", "answer"}
}

// OpenStateStep is OpenState with a cut: step may end the process, or fail as if the power went.
func OpenStateStep(path string, step func(name string) error) (*Card, error) {
	return openState(path, step)
}
