module ledgerline

go 1.19
