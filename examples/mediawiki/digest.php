<?php
/** Digests of the tables that no manifest reaches and that the wiki doesn't make again by itself. */
function digest( Wiki $wiki ): void {
	$db = wfGetDB( DB_REPLICA );
	foreach ( [ 'user', 'user_groups', 'user_properties', 'actor', 'archive', 'logging', 'recentchanges',
		'watchlist', 'interwiki', 'slot_roles', 'content_models', 'change_tag' ] as $table
	) {
		$rows = iterator_to_array( $db->select( $table, '*', [], __METHOD__ ) );
		echo "$table ", count( $rows ), ' ', sha1( serialize( $rows ) ), "\n";
	}
}
