package manager

// DEK is the Key-DEK the session holds, for a test that it is erased.
func (s *Session) DEK() []byte { return s.dek }
