<?php
/**
 * What editors do and what a wiki shows, through MediaWiki's own classes. A step of the scenario is
 * a maintenance script of MediaWiki: `php step.php --conf LocalSettings.php STEP`.
 */

use MediaWiki\MediaWikiServices;
use MediaWiki\Revision\SlotRecord;

class Wiki {
	private MediaWikiServices $services;

	public function __construct() {
		$this->services = MediaWikiServices::getInstance();
	}

	public function addUser( string $name ): void {
		$user = User::createNew( $name );
		if ( !$user ) {
			throw new RuntimeException( "the user $name couldn't be created" );
		}
		// An actor is made with a user's first action.
		$this->services->getActorNormalization()->acquireActorId( $user, wfGetDB( DB_PRIMARY ) );
	}

	/** Saves a revision. */
	public function edit( string $title, string $text, string $summary, string $user = 'Editor' ): void {
		$page = $this->page( $title );
		$updater = $page->newPageUpdater( User::newFromName( $user ) );
		$updater->setContent( SlotRecord::MAIN, ContentHandler::makeContent( $text, $page->getTitle() ) );
		$updater->saveRevision( CommentStoreComment::newUnsavedComment( $summary ) );
		$this->expect( "saving $title", $updater->getStatus() );
		DeferredUpdates::doUpdates();
	}

	public function append( string $title, string $text, string $summary, string $user = 'Editor' ): void {
		$this->edit( $title, $this->text( $title ) . $text, $summary, $user );
	}

	/** Moves a page without leaving a redirect, or with one. */
	public function move( string $from, string $to, string $redirect = 'no redirect' ): void {
		$move = $this->services->getMovePageFactory()
			->newMovePage( Title::newFromText( $from ), Title::newFromText( $to ) );
		$leave = $redirect === 'redirect';
		$this->expect( "moving $from", $move->move( User::newFromName( 'Editor' ), 'better name', $leave ) );
		DeferredUpdates::doUpdates();
	}

	public function delete( string $title ): void {
		$delete = $this->services->getDeletePageFactory()
			->newDeletePage( $this->page( $title ), User::newFromName( 'Admin' ) );
		$this->expect( "deleting $title", $delete->deleteUnsafe( 'no longer needed' ) );
		DeferredUpdates::doUpdates();
	}

	public function exists( string $title ): bool {
		return $this->page( $title )->exists();
	}

	/** The newest revision's text. */
	public function text( string $title ): string {
		$content = $this->page( $title )->getContent();
		return $content ? $content->getText() : '';
	}

	/** The texts of all revisions, the newest first, as the page history finds them. */
	public function history( string $title ): array {
		$store = $this->services->getRevisionStore();
		$texts = [];
		for ( $revision = $store->getRevisionByTitle( Title::newFromText( $title ) );
			$revision;
			$revision = $store->getPreviousRevision( $revision )
		) {
			$texts[] = $revision->getContent( SlotRecord::MAIN )->getText();
		}
		return $texts;
	}

	/** The summaries and editors of all revisions, the newest first. */
	public function summaries( string $title ): array {
		$store = $this->services->getRevisionStore();
		$told = [];
		for ( $revision = $store->getRevisionByTitle( Title::newFromText( $title ) );
			$revision;
			$revision = $store->getPreviousRevision( $revision )
		) {
			$told[] = $revision->getUser()->getName() . ': ' . $revision->getComment()->text;
		}
		return $told;
	}

	/** The page as readers see it. */
	public function html( string $title ): string {
		$page = $this->page( $title );
		return $page->getParserOutput( ParserOptions::newFromAnon() )->getText();
	}

	/** The titles in a category. */
	public function category( string $name ): array {
		$titles = [];
		foreach ( Category::newFromName( $name )->getMembers() as $title ) {
			$titles[] = $title->getPrefixedText();
		}
		sort( $titles );
		return $titles;
	}

	/** Whatever the wiki's tables say that can't be: revisions without a page, texts not to be had. */
	public function problems(): array {
		$db = wfGetDB( DB_REPLICA );
		$problems = [];
		foreach ( $db->newSelectQueryBuilder()->select( [ 'page_id', 'page_latest', 'page_title' ] )
			->from( 'page' )->caller( __METHOD__ )->fetchResultSet() as $row
		) {
			$of = $db->selectField( 'revision', 'rev_page', [ 'rev_id' => $row->page_latest ], __METHOD__ );
			if ( (int)$of !== (int)$row->page_id ) {
				$problems[] = "the newest revision of {$row->page_title} belongs to page $of";
			}
		}
		foreach ( $db->newSelectQueryBuilder()->select( 'rev_id' )->from( 'revision' )
			->caller( __METHOD__ )->fetchFieldValues() as $id
		) {
			$revision = $this->services->getRevisionStore()->getRevisionById( (int)$id );
			$content = $revision->getContent( SlotRecord::MAIN );
			if ( !$content || $content->getSize() !== $revision->getSize() ) {
				$problems[] = "revision $id has no text, or another one than it had";
			}
			if ( $revision->getSha1() !== $revision->getSlot( SlotRecord::MAIN )->getSha1()
				|| SlotRecord::base36Sha1( $content->serialize() ) !== $revision->getSha1()
			) {
				$problems[] = "revision $id has another text than it had";
			}
		}
		return $problems;
	}

	private function page( string $title ): WikiPage {
		return $this->services->getWikiPageFactory()->newFromTitle( Title::newFromText( $title ) );
	}

	private function expect( string $what, Status $status ): void {
		if ( !$status->isOK() ) {
			throw new RuntimeException( "$what: " . $status->getWikiText( false, false, 'en' ) );
		}
	}
}
