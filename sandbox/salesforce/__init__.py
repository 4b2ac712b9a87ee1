"""The sandbox's Salesforce: one org in memory, spoken to over HTTP as the real one is."""
