/* Included by BCC; nothing of it is used. */
#pragma once
