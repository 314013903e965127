package ledger_test

func childMain(string) {}
