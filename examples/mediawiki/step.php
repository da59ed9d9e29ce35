<?php
/** One step of the scenario: `php step.php --conf LocalSettings.php fill_prod|edit_test|…`. */

require_once getenv( 'MW_INSTALL_PATH' ) . '/maintenance/Maintenance.php';

class Step extends Maintenance {
	public function __construct() {
		parent::__construct();
		$this->addArg( 'step', 'fill_prod, edit_test, edit_prod, check_prod or go_on' );
	}

	public function execute() {
		require_once __DIR__ . '/Wiki.php';
		$step = $this->getArg( 0 );
		require_once __DIR__ . "/$step.php";
		$step( new Wiki );
	}
}

$maintClass = Step::class;
require_once RUN_MAINTENANCE_IF_MAIN;
