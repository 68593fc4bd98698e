// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @title ZG token
/// @notice The token that stakes and votes. All of it is made at the deployment; nobody can make more.
/// @dev Solidity, because OpenZeppelin's votes and permits are the reviewed ones. Trusts nobody: there is no owner.
/// @custom:kill Nothing can be stopped.
contract ZGToken is ERC20, ERC20Capped, ERC20Permit, ERC20Votes {
    /// @param holder Who receives the whole supply.
    /// @param supply In units of 10^-18.
    constructor(address holder, uint256 supply) ERC20("ZG", "ZG") ERC20Capped(supply) ERC20Permit("ZG") {
        _mint(holder, supply);
    }

    function _update(address from, address to, uint256 value)
        internal
        override(ERC20, ERC20Capped, ERC20Votes)
    {
        super._update(from, to, value);
    }

    /// @inheritdoc Nonces
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }
}
