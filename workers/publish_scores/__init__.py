"""publishScores: changed scores from the table's stream to the topic that others listen to."""
