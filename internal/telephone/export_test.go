package telephone

// SignedByTwilio is for the test of a signature that Twilio published.
var SignedByTwilio = signedByTwilio
