// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A room whose new business the guardian can stop. The verbs that begin something refuse while it is paused; no other
/// verb reads it, so whatever has begun ends as it would have.
interface IPausable {
    /// @notice New business was stopped, or let in again.
    event PauseSet(bool paused);

    /// @notice New business is stopped.
    error Paused();

    /// @notice Stop new business. Requires the caller to be the guardian. Emits `PauseSet`.
    function pause() external;

    /// @notice Let new business in again. Requires the caller to be the governor. Emits `PauseSet`.
    function unpause() external;

    /// @return Whether new business is stopped.
    function paused() external view returns (bool);
}
