package httpapi

// ProblemOf is the mapping from errors to answers.
var ProblemOf = problemOf
