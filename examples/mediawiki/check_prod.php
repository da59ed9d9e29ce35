<?php
/** Whether PROD, read through MediaWiki itself, is what the editors prepared on TEST, with PROD's own. */
function check_prod( Wiki $wiki ): void {
	$problems = $wiki->problems();
	$expect = static function ( string $what, $found, $wanted ) use ( &$problems ) {
		if ( $found !== $wanted ) {
			$problems[] = "$what: " . json_encode( $found ) . ' instead of ' . json_encode( $wanted );
		}
	};
	$shows = static function ( string $title, string $text ) use ( $wiki, &$problems ) {
		if ( strpos( $wiki->html( $title ), $text ) === false ) {
			$problems[] = "$title doesn't show $text";
		}
	};

	// What is new, with what it links to and the templates it uses, new and old.
	$shows( 'Spring at the zoo', '<b>Spring: young animals</b>' );
	$shows( 'Spring at the zoo', 'href="/w/index.php/Lamb"' );
	$shows( 'Lamb', '<div class="note">Note: a wolf</div>' );
	$expect( 'animals', $wiki->category( 'Animals' ),
		[ 'Blue whale', 'Cat', 'Dog', 'Horse', 'Lamb', 'Mouse', 'Owl' ] );
	$expect( 'in spring', $wiki->category( 'Spring' ), [ 'Lamb', 'Spring at the zoo' ] );
	$expect( 'who wrote Lamb', $wiki->summaries( 'Lamb' ), [ 'Editor: new' ] );

	// What was changed, with its history.
	$shows( 'Zoo', '<div class="note">Note: Open daily</div>' );
	$shows( 'Zoo', '<b>Spring: feeding at noon</b>' );
	$expect( 'history of Zoo', $wiki->summaries( 'Zoo' ),
		[ 'Editor: feeding', 'Editor: the lamb is here', 'Editor: new' ] );
	$expect( 'texts of Cat', array_map( 'strlen', $wiki->history( 'Cat' ) ), [ 93, 69, 58, 47 ] );
	$expect( 'history of Cat', $wiki->summaries( 'Cat' ),
		[ 'Editor: hunting', 'Editor: sleep', 'Editor: sound', 'Editor: about the Cat' ] );
	$expect( 'the old name', $wiki->exists( 'Whale' ), false );
	$expect( 'history of the moved page', count( $wiki->history( 'Blue whale' ) ), 3 );
	$shows( 'Blue whale', 'It is the largest.' );
	$expect( 'the deleted page', $wiki->exists( 'Old page' ), false );

	// What is PROD's own.
	$shows( 'Closed on Monday', 'is closed.' );
	$expect( 'who wrote it', $wiki->summaries( 'Closed on Monday' ), [ 'Newcomer: notice' ] );
	$expect( 'the notice', $wiki->text( 'Template:Notice' ), "''{{{1}}}''" );
	$shows( 'Dog', 'It <i>barks</i>.' );
	$expect( 'the answer', $wiki->summaries( 'Talk:Zoo' ), [ 'Newcomer: answer', 'Reader: a question' ] );

	if ( $problems ) {
		throw new RuntimeException( "PROD isn't as prepared:\n  " . implode( "\n  ", $problems ) );
	}
	echo "PROD is as prepared\n";
}
