package incident

// Marked is a payload as it holds on a drill.
var Marked = marked
