-- The entries of a sale are read order by order (`once`, `one-clock`) and added up (`books-balance`):
-- one index serves both and holds all they need, so the table itself is not read.
ALTER TABLE stock_entries
    ADD KEY stock_entries_sale_order (sale_id, order_id, source, target, units, created_at_ms),
    DROP KEY stock_entries_sale;

-- What was done about a payment: the audit asks for each, as does whoever answers a complaint.
ALTER TABLE payment_events ADD KEY payment_events_payment (payment_id, outcome);

-- Every second somebody asks for the sales that have not closed: all but drafts, so the phase in
-- front kept the closing time behind it from being used, and all sales there ever were were read.
ALTER TABLE sales ADD KEY sales_closes (closes_at_ms), DROP KEY sales_phase_closes;
